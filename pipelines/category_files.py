"""The door for category files: from a list of files to batches of titles and rejects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from configs.errors import UsageError
from configs.settings import CategorySettings, Settings, SourceSettings
from pipelines import storage
from pipelines.progress import ProgressLog
from pipelines.rejects import EMPTY_FILE, REJECTED, rejects_batch
from pipelines.tables import Block, MissingColumn, TableFormat, read_blocks
from transforms.categories import category_of_file
from transforms.csv_records import EMPTY_TITLE, RejectedRow
from transforms.title_steps import READ, REJECTS

NO_CATEGORY = "no category"
TITLE = "title"


@dataclass(frozen=True)
class CategoryFile:
    """A file to read: its place in the sorted list, its path, and the category its name says."""

    number: int
    path: str
    relative: str
    category: str | None


def find_category_files(root: str, settings: Settings) -> tuple[list[CategoryFile], str, int]:
    """Return the files below `root` in path order, their fingerprint and their size in bytes.

    Raises `UsageError` where there is none, or where a file's name says no category.
    """
    found = storage.list_files(root, settings.source.files)
    if not found:
        raise UsageError(
            f"--input {root}: no file matches {settings.source.files!r}; "
            "name the folder of the category files, or set source.files"
        )
    rules = settings.categories
    files = [
        CategoryFile(number, info.path, info.relative, _category(info.relative, rules))
        for number, info in enumerate(found)
    ]
    nameless = [f.relative for f in files if f.category == ""]
    if nameless:
        raise UsageError(
            f"--input {root}: the name of {nameless[0]} says no category; set source.files so "
            "that it is left out, or categories.source: columns"
        )
    return files, storage.content_fingerprint(found), sum(info.size for info in found)


def _category(relative: str, rules: CategorySettings) -> str | None:
    if rules.source != "file_name":
        return None
    return category_of_file(
        relative,
        rename=[(rule.find, rule.replace) for rule in rules.rename],
        prefix=rules.prefix,
        separator=rules.separator,
    )


class ReadCategoryFiles(beam.PTransform):
    """Read files into batches of `READ`; the output `rejects` holds batches of `REJECTED`."""

    def __init__(
        self, source: SourceSettings, categories: CategorySettings, progress: ProgressLog
    ) -> None:
        super().__init__()
        self._do_fn = _ReadCategoryFile(source, categories, progress)

    def expand(self, files: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return files | beam.ParDo(self._do_fn).with_outputs(REJECTS, main="read")


class _ReadCategoryFile(beam.DoFn):
    def __init__(
        self, source: SourceSettings, categories: CategorySettings, progress: ProgressLog
    ) -> None:
        self._source, self._categories, self._progress = source, categories, progress

    def process(self, file: CategoryFile) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
        for batch, rejects in read_category_file(file, self._source, self._categories):
            self._progress.add("records read", batch.num_rows + len(rejects))
            if batch.num_rows:
                yield batch
            if rejects:
                yield beam.pvalue.TaggedOutput(REJECTS, rejects_batch(rejects))


def read_category_file(
    file: CategoryFile, source: SourceSettings, categories: CategorySettings
) -> Iterator[tuple[pa.RecordBatch, list[RejectedRow]]]:
    """Yield batches of `READ` and the rejects beside them.

    An empty file is one reject at line 0; without the title's column every record is one.
    """
    form = TableFormat(source.delimiter, source.encoding, source.max_record_bytes)
    columns = {TITLE: source.columns.title}
    columns |= {f"category_{i}": [name] for i, name in enumerate(categories.columns)}
    empty = True
    try:
        for block in read_blocks(file.path, file.relative, columns, form):
            empty = False
            yield _batch_of(block, file, categories)
    except MissingColumn as missing:
        empty = False
        yield from _reject_all(file, form, missing)
    if empty:
        yield _nothing(), [RejectedRow(file.relative, 0, EMPTY_FILE, b"")]


def _batch_of(
    block: Block, file: CategoryFile, rules: CategorySettings
) -> tuple[pa.RecordBatch, list[RejectedRow]]:
    rows = len(block.lines)
    rejects = block.rejects
    if file.category is not None:
        category = pa.array([file.category]).take(pa.array([0] * rows, pa.int32()))
    else:
        category = _join_columns(block, rules)
    columns = [pa.array([file.number] * rows, pa.int32()), pa.array(block.lines)]
    batch = pa.RecordBatch.from_arrays([*columns, category, block.columns[TITLE]], schema=READ)
    if file.category is None:
        batch, more = _without_category(batch, file)
        rejects = [*rejects, *more]
    return batch, rejects


def _join_columns(block: Block, rules: CategorySettings) -> pa.Array:
    parts = [block.columns[f"category_{i}"].to_pylist() for i in range(len(rules.columns))]
    joined = (
        rules.separator.join(
            piece.strip()
            for value in row
            for piece in value.split(rules.separator)
            if piece.strip()
        )
        for row in zip(*parts, strict=True)
    )
    return pa.array(list(joined), pa.string())


def _without_category(
    batch: pa.RecordBatch, file: CategoryFile
) -> tuple[pa.RecordBatch, list[RejectedRow]]:
    none = [i for i, name in enumerate(batch.column("category").to_pylist()) if not name]
    if not none:
        return batch, []
    rejects = [
        RejectedRow(
            file.relative,
            batch.column("line")[i].as_py(),
            NO_CATEGORY,
            batch.column(TITLE)[i].as_py().encode(),
        )
        for i in none
    ]
    keep = [i for i in range(batch.num_rows) if i not in set(none)]
    return batch.take(pa.array(keep, pa.int64())), rejects


def _reject_all(
    file: CategoryFile, form: TableFormat, missing: MissingColumn
) -> Iterator[tuple[pa.RecordBatch, list[RejectedRow]]]:
    for block in read_blocks(file.path, file.relative, {}, form, reject=str(missing)):
        yield _nothing(), block.rejects


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
