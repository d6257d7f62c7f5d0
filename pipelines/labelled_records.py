"""Read files whose records say their category, or whose title or columns come from several places.

The general way beside that of `category_files`, which is for one column a file: any format, joins,
titles of several columns, several categories a record.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.categories import CategorySettings, ListMeaning
from configs.columns import ColumnFeature, DenseColumn, headers_of
from configs.errors import PassingFault, UsageError
from configs.source import SourceSettings
from pipelines.blocks import Block
from pipelines.category_tree import load_tree
from pipelines.file_parts import WHOLE, FilePart
from pipelines.joins import join_block, load_joins, reject_rows
from pipelines.object_files import read_object_blocks
from pipelines.parquet_rows import read_parquet_blocks
from pipelines.records import read_record_blocks
from pipelines.side_tables import SideFile
from pipelines.tables import TableFormat, read_blocks
from pipelines.unpacking import DamagedFile, is_of_content
from transforms.category_trees import CategoryTree
from transforms.column_values import NO_TITLE, joined_text, number_values, text_values
from transforms.csv_records import NUL_BYTE, TOO_LONG, RejectedRow
from transforms.labels import LabelColumn, record_labels
from transforms.title_batches import READ

NO_CATEGORY = "no category"
_TITLE = ":title"  # the one of the accepted columns that a file has; a header is never called so


def is_general(
    source: SourceSettings, categories: CategorySettings, features: Mapping[str, ColumnFeature]
) -> bool:
    """Tell whether a catalogue needs more than one column of a table and the file's name."""
    plain = source.format == "table" and not source.columns.title_join and not source.joins
    return not plain or bool(features) or categories.source == "columns"


def read_labelled_blocks(
    path: str,
    name: str,
    source: SourceSettings,
    categories: CategorySettings,
    joins: Sequence[tuple[SideFile, ...]] = (),
    tree_files: Sequence[SideFile] = (),
    features: Mapping[str, ColumnFeature] | None = None,
    *,
    reject: str | None = None,
    part: FilePart = WHOLE,
) -> Iterator[Block]:
    """Yield blocks with the columns `title`, where records say it `category`, and `features`.

    A category is text as `labels.record_labels` gives it. A record without a title or a category,
    whose key a join or the tree does not know, or whose number is none, is a reject. Raises
    `MissingColumn`.
    """
    tables, tree = load_joins(joins, source), load_tree(tree_files, categories, source)
    features = features or {}
    wanted = {} if reject else _wanted(source, categories, features)
    lists = dict.fromkeys(categories.columns, categories.lists)
    for block in _blocks(path, name, source, wanted, reject, lists, part):
        for table in tables if not reject else ():
            block = join_block(block, table, name)
        yield block if reject else _labelled(block, name, source, categories, features, tree)


def _wanted(
    source: SourceSettings, categories: CategorySettings, features: Mapping[str, ColumnFeature]
) -> dict[str, Sequence[str]]:
    """Return the columns that a file itself must have, and the headers each may have."""
    names = [*source.columns.title_join, *categories.columns, *(join.by for join in source.joins)]
    names += headers_of(features).values()
    wanted: dict[str, Sequence[str]] = {n: [n] for n in names if n not in source.joined}
    if not _title_names(source):
        wanted[_TITLE] = source.columns.title
    return wanted


def _title_names(source: SourceSettings) -> list[str]:
    """Return the columns whose texts make the title; none where it is one of the accepted."""
    from_joins = [name for name in source.columns.title if name in source.joined][:1]
    return source.columns.title_join or from_joins


def _blocks(
    path: str,
    name: str,
    source: SourceSettings,
    wanted: Mapping[str, Sequence[str]],
    reject: str | None,
    lists: Mapping[str, ListMeaning],
    part: FilePart,
) -> Iterator[Block]:
    if source.records is not None:
        return read_record_blocks(
            path,
            name,
            wanted,
            source.records,
            encoding=source.encoding,
            max_record_bytes=source.max_record_bytes,
        )
    if source.format == "table":
        form = table_format(source, keep_raw=True)
        return read_blocks(path, name, wanted, form, reject=reject, part=part)
    return _whole_or_reject(_objects(path, name, source, wanted, reject, lists, part), name, wanted)


def _objects(
    path: str,
    name: str,
    source: SourceSettings,
    wanted: Mapping[str, Sequence[str]],
    reject: str | None,
    lists: Mapping[str, ListMeaning],
    part: FilePart,
) -> Iterator[Block]:
    if source.format == "parquet":
        return read_parquet_blocks(
            path, name, wanted, lists=lists, reject=reject, keep_raw=True, part=part
        )
    return read_object_blocks(
        path,
        name,
        wanted,
        source.format,
        items=source.items,
        encoding=source.encoding,
        max_record_bytes=source.max_record_bytes,
        lists=lists,
        reject=reject,
        part=part,
    )


def _whole_or_reject(
    blocks: Iterator[Block], name: str, wanted: Mapping[str, Sequence[str]]
) -> Iterator[Block]:
    """Yield the blocks of a file; one that is not of its format is a reject as a whole."""
    try:
        yield from blocks
    except (DamagedFile, PassingFault):
        raise
    except (pa.ArrowException, UnicodeDecodeError, OSError, UsageError) as error:
        if not is_of_content(error):
            raise
        reason = f"not such a file: {str(error).partition(chr(10))[0]}"
        columns = {column: pa.array([], pa.string()) for column in wanted}
        rejects = [RejectedRow(name, 0, reason, b"")]
        yield Block(columns, np.array([], np.int64), rejects, 0, pa.array([], pa.binary()))


def table_format(source: SourceSettings, *, keep_raw: bool = False) -> TableFormat:
    """Return how the source's tables are written."""
    return TableFormat(
        source.delimiter,
        source.encoding,
        source.max_record_bytes,
        quoted=source.quoting == "rfc4180",
        header=tuple(source.header),
        skip_lines=source.skip_lines,
        keep_raw=keep_raw,
        escape=source.escape,
    )


def _labelled(
    block: Block,
    name: str,
    source: SourceSettings,
    categories: CategorySettings,
    features: Mapping[str, ColumnFeature],
    tree: CategoryTree | None,
) -> Block:
    titles = [block.columns[column] for column in _title_names(source) or [_TITLE]]
    columns, why = {"title": joined_text(titles)}, dict[int, str]()
    if categories.source == "columns":
        columns["category"], why = _categories(block, categories, tree)
    why = {**_only_whole(columns, source.max_record_bytes), **why}
    for feature, header in headers_of(features).items():
        column = features[feature]
        if isinstance(column, DenseColumn):
            columns[feature], bad = number_values(block.columns[header], column.decimal)
            for row in np.flatnonzero(bad).tolist():
                why.setdefault(row, f"{header} is not a number")
        else:
            columns[feature] = text_values(block.columns[header])
    labelled = replace(block, columns=columns)
    return reject_rows(labelled, why, name) if why else labelled


def _categories(
    block: Block, categories: CategorySettings, tree: CategoryTree | None
) -> tuple[pa.Array, dict[int, str]]:
    """Return the categories of each record, and which records say none, and why."""
    columns = [
        LabelColumn(name, block.columns[name], block.lists.get(name)) for name in categories.columns
    ]
    return record_labels(
        columns,
        lists_are_paths=categories.lists == "path",
        label_separator=categories.label_separator,
        separator=categories.separator,
        tree=tree,
        rename=[(rule.find, rule.replace) for rule in categories.rename],
        replace=[(rule.find, rule.replace) for rule in categories.replace],
        prefix=categories.prefix,
    )


def _only_whole(columns: Mapping[str, pa.Array], max_bytes: int) -> dict[int, str]:
    """Return which records lack a title or a category, hold a NUL or are too long, and why."""
    title = columns["title"]
    tests: dict[str, Callable[[], pa.Array]] = {
        NO_TITLE: lambda: pc.equal(pc.utf8_trim_whitespace(title), ""),
        TOO_LONG: lambda: pc.greater(pc.binary_length(title), max_bytes),
        NUL_BYTE: lambda: functools.reduce(
            pc.or_, (pc.match_substring(column, "\0") for column in columns.values())
        ),
    }
    if "category" in columns:
        tests[NO_CATEGORY] = lambda: pc.equal(columns["category"], "")
    why: dict[int, str] = {}
    for reason, test in tests.items():
        for row in np.flatnonzero(test().to_numpy(zero_copy_only=False)).tolist():
            why.setdefault(row, reason)
    return why


def read_batch(block: Block, number: int, category: str | None) -> pa.RecordBatch:
    """Return a block as a batch of `READ`; `category` is what the file's name says."""
    rows = np.zeros(len(block.lines), np.int32)
    categories = block.columns.get("category")
    if categories is None:
        categories = pa.array([category]).take(pa.array(rows))
    columns = [pa.array(rows + np.int32(number)), pa.array(block.lines)]
    batch = pa.RecordBatch.from_arrays([*columns, categories, block.columns["title"]], schema=READ)
    for name in block.columns:
        if name not in READ.names:
            batch = batch.append_column(name, block.columns[name])
    return batch
