"""The door for category files: from a list of files to batches of titles and rejects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from configs.categories import CategorySettings
from configs.columns import ColumnFeature
from configs.errors import UsageError
from configs.settings import Settings, SourceSettings
from pipelines import fingerprints, listing, storage
from pipelines.blocks import Block, MissingColumn
from pipelines.category_tree import find_tree_files
from pipelines.cut_files import file_parts
from pipelines.file_parts import WHOLE, FilePart
from pipelines.joins import find_join_files
from pipelines.labelled_records import is_general, read_batch, read_labelled_blocks, table_format
from pipelines.rejects import NO_RECORD, REJECTED
from pipelines.side_tables import SideFile
from pipelines.tables import read_blocks
from pipelines.unpacking import DamagedFile, plain_name
from transforms.categories import category_of_file
from transforms.csv_records import EMPTY_TITLE, RejectedRow
from transforms.title_batches import READ

TITLE = "title"
_SAYS = {"file_name": "name", "folders": "folder", "path": "path"}


@dataclass(frozen=True)
class CategoryFile:
    """A file to read: its place in the sorted list, its path, and the category its name says.

    `digest` is over its content, and those of the tables beside it: of joins, and of the tree. It
    has `size` bytes, of which only those of `part` are read.
    """

    number: int
    path: str
    relative: str
    category: str | None
    joins: tuple[tuple[SideFile, ...], ...] = ()
    digest: str = ""
    tree: tuple[SideFile, ...] = ()
    size: int = 0
    part: FilePart = WHOLE


def find_category_files(root: str, settings: Settings) -> tuple[list[CategoryFile], str, int]:
    """Return the files below `root` in path order, their fingerprint and their size in bytes.

    Raises `UsageError` where there is none, or where a file's name says no category.
    """
    rules = settings.categories
    joins, joined = find_join_files(root, settings.source)
    tree, of_tree = find_tree_files(root, rules, settings.source)
    beside = [*joined, *of_tree]
    of_tables = [file.digest for table in (*joins, tree) for file in table]
    tables = {info.path for info in beside}
    there = listing.without_marks(listing.list_files(root, settings.source.files), root)
    found = [file for file in there if file.path not in tables]
    if not found:
        raise UsageError(f"--input {root}: {_why_none(root, settings.source.files, tables)}")
    every = [*found, *beside]
    digests = [*fingerprints.content_digests(found), *of_tables]
    files = [
        CategoryFile(
            number,
            info.path,
            info.relative,
            _category(info.relative, rules),
            joins,
            "".join([digests[number], *of_tables]),
            tree,
            info.size,
        )
        for number, info in enumerate(found)
    ]
    nameless = [f.relative for f in files if f.category == ""]
    if nameless:
        raise UsageError(
            f"--input {root}: the {_SAYS[rules.source]} of {nameless[0]} says no category; set "
            "source.files so that it is left out, or categories.source to what says it: "
            "file_name, folders, path or columns"
        )
    return files, fingerprints.content_fingerprint(every, digests), sum(info.size for info in every)


def _why_none(root: str, pattern: str, tables: Set[str]) -> str:
    """Say what is wrong with an input in which no file was found, and what to do."""
    mend = "name the folder of the category files, or set source.files"
    if any(info.path in tables for info in listing.list_files(root, pattern)):
        return f"all that matches {pattern!r} is a table of source.joins or categories.tree; {mend}"
    if there := listing.list_files(root):
        return f"no file matches {pattern!r}; {_first_of(there)}; {mend}"
    if storage.exists(root):
        return f"no file matches {pattern!r}, the folder is empty; {mend}"
    folder = listing.folder_before_glob(root)
    if folder is None:
        return "no file or folder of that name; name the folder of the category files"
    there = listing.list_files(folder, "*")
    instead = _first_of(there) if there else f"no file lies in the folder {folder}"
    return f"no file matches this glob; {instead}; correct the glob, or name the folder"


def _first_of(there: Sequence[listing.FileInfo]) -> str:
    more = f" and {len(there) - 1} more" if len(there) > 1 else ""
    return f"what is there is {there[0].relative}{more}"


def _category(relative: str, rules: CategorySettings) -> str | None:
    if rules.source == "columns":
        return None
    return category_of_file(
        plain_name(relative),
        source=rules.source,
        rename=[(rule.find, rule.replace) for rule in rules.rename],
        prefix=rules.prefix,
        separator=rules.separator,
    )


def parts_of(file: CategoryFile, source: SourceSettings) -> list[CategoryFile]:
    """Return a file as parts that can be read apart: a large one is several."""
    parts = file_parts(file.path, file.size, source.format, table_format(source))
    return [replace(file, part=part) for part in parts]


def read_category_file(
    file: CategoryFile,
    source: SourceSettings,
    categories: CategorySettings,
    features: Mapping[str, ColumnFeature] | None = None,
) -> Iterator[tuple[pa.RecordBatch, list[RejectedRow]]]:
    """Yield batches of `READ`, with a column a feature, and the rejects beside them.

    A file without a record, be it empty or a header alone, is one reject at line 0; without the
    title's column every record is one. So is what a damaged compressed file holds behind the last
    block that could be read.
    """
    empty = True
    try:
        for batch, rejects in _with_column(file, source, categories, features or {}):
            empty = False
            yield batch, rejects
    except DamagedFile as error:
        empty = False
        reason = f"not read to its end: {error.reason}"
        yield _nothing(), [RejectedRow(file.relative, 0, reason, b"")]
    if empty:
        yield _nothing(), [RejectedRow(file.relative, 0, NO_RECORD, b"")]


def _with_column(
    file: CategoryFile,
    source: SourceSettings,
    categories: CategorySettings,
    features: Mapping[str, ColumnFeature],
) -> Iterator[tuple[pa.RecordBatch, list[RejectedRow]]]:
    try:
        for block in _blocks(file, source, categories, features):
            yield read_batch(block, file.number, file.category), block.rejects
    except MissingColumn as missing:
        for block in _blocks(file, source, categories, features, str(missing)):
            rejects = block.rejects
            if missing.delimiter:  # what else is found fault with was cut by the wrong one
                rejects = [bad._replace(reason=str(missing)) for bad in rejects]
            yield _nothing(), rejects


def first_records(
    read: Iterator[tuple[pa.RecordBatch, list[RejectedRow]]], count: int
) -> Iterator[tuple[pa.RecordBatch, list[RejectedRow]]]:
    """Yield what `read_category_file` does, up to `count` records, rejects among them."""
    for batch, rejects in read:
        lines = sorted([*batch.column("line").to_pylist(), *(bad.line for bad in rejects)])
        if len(lines) >= count:
            last = lines[count - 1]
            kept = pc.less_equal(batch.column("line"), last)
            yield batch.filter(kept), [bad for bad in rejects if bad.line <= last]
            return
        count -= len(lines)
        yield batch, rejects


def _blocks(
    file: CategoryFile,
    source: SourceSettings,
    categories: CategorySettings,
    features: Mapping[str, ColumnFeature],
    reject: str | None = None,
) -> Iterator[Block]:
    """Read the title alone where that is all, as most catalogues have it, or what else there is."""
    if is_general(source, categories, features):
        return read_labelled_blocks(
            file.path,
            file.relative,
            source,
            categories,
            file.joins,
            file.tree,
            features,
            reject=reject,
            part=file.part,
        )
    columns = {} if reject else {TITLE: source.columns.title}
    form = table_format(source)
    return read_blocks(file.path, file.relative, columns, form, reject=reject, part=file.part)


def empty_titles(rows: pa.RecordBatch, sources: list[str]) -> pa.RecordBatch:
    """Turn rows of `READ` whose title is empty into rows of `REJECTED`."""
    return pa.RecordBatch.from_arrays(
        [
            pa.array([sources[number] for number in rows.column("file").to_pylist()], pa.string()),
            rows.column("line"),
            pa.array([EMPTY_TITLE] * rows.num_rows, pa.string()),
            rows.column(TITLE).cast(pa.binary()),
        ],
        schema=REJECTED,
    )


def _nothing() -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in READ], schema=READ)
