"""Read some records of some files, whatever these are: columns of values, and how to read them."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from xml.parsers import expat

import pyarrow as pa
import pyarrow.parquet as pq

from configs.errors import UsageError
from pipelines import listing, storage
from pipelines.file_parts import WHOLE
from pipelines.json_documents import document_objects, first_list
from pipelines.json_lines import is_json_lines, line_objects
from pipelines.objects import Objects
from pipelines.suggest.encodings import encoding_of
from pipelines.suggest.further import PLACES, further_lines, further_pieces, plain_lines
from pipelines.suggest.table_samples import ROWS, START_BYTES, in_turns, table_sample
from pipelines.text_files import open_text
from pipelines.unpacking import is_of_content, open_unpacked
from pipelines.xml_records import declared_encoding, xml_objects

_FILES = 8
_WHOLE_BYTES = 64 << 20
_PARQUET = b"PAR1"
_MARK_BYTES = 4  # a mark of byte order alone
_BLANK = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"

Values = list[Any]
File = TypeVar("File")


@dataclass(frozen=True)
class Sample:
    """Keys of the config's `source` that say how files are written, and columns of their values.

    A value is text, a list of texts, or one of such lists; None where a record has none.
    """

    source: dict[str, Any]
    columns: dict[str, Values] = field(default_factory=dict)


def sample_of(files: Sequence[listing.FileInfo]) -> Sample:
    """Return how files are written by some of them, spread over all.

    Raises `UsageError` where they are empty, or are no text.
    """
    some = spread_over([file for file in files if file.size > _MARK_BYTES], _FILES)
    every = {file: _start(file.path) for file in some}
    some = [file for file in some if every[file].strip(_BLANK)]
    starts = [every[file] for file in some]
    if not some:
        raise UsageError(f"--input {files[0].path}: empty, as are all files beside it")
    if _all_parquet(some, starts):
        return Sample({"format": "parquet"}, _parquet_columns(some))
    encoding = encoding_of([*starts, *further_lines(some, starts)])
    source = {} if encoding == "utf-8" else {"encoding": encoding}
    if starts[0].lstrip().startswith(b"<?xml"):
        encoding = declared_encoding(some[0].path) or encoding
    texts = [_text(file.path, encoding) for file in some]
    first = texts[0].lstrip()
    if "\0" in first or not all(map(str.strip, texts)):
        raise UsageError(f"--input {some[0].path}: no text, and not Parquet: what is it?")
    if first.startswith("<"):
        items = _record_element(some[0].path, texts[0])
        parts = (xml_objects(file.path, items=items, encoding=encoding) for file in some)
        return Sample({"format": "xml", "items": items, **source}, _object_columns(parts))
    if first.startswith(("{", "[")):
        return _json_sample(some, encoding, source)
    found, columns = table_sample(some, texts, source)
    return Sample(found, columns)


def spread_over(files: Sequence[File], count: int) -> list[File]:
    """Return so many files, or all where there are fewer, from the first on at even distances."""
    places = dict.fromkeys(number * len(files) // count for number in range(count))
    return [files[place] for place in places] if files else []


def _start(path: str) -> bytes:
    with open_unpacked(path) as raw:
        return raw.read(START_BYTES)


def _all_parquet(files: Sequence[listing.FileInfo], starts: Sequence[bytes]) -> bool:
    """Tell whether files are Parquet; raise `UsageError` where some are and others are not."""
    found = [start.startswith(_PARQUET) for start in starts]
    if len({*found}) > 1:
        one, other = files[found.index(True)], files[found.index(False)]
        raise UsageError(
            f"--input {one.path}: Parquet, which {other.relative} beside it is not; put files of "
            "one kind in a folder, and name that"
        )
    return found[0]


def _text(path: str, encoding: str) -> str:
    with open_text(path, encoding) as (text, _):
        return text.read(START_BYTES)


def _json_sample(
    files: Sequence[listing.FileInfo], encoding: str, source: dict[str, Any]
) -> Sample:
    if is_json_lines(files[0].path, encoding):
        further = further_pieces(files, plain_lines(encoding))
        pieces = [*((file, WHOLE) for file in files), *further]
        lines = (line_objects(file.path, encoding=encoding, part=piece) for file, piece in pieces)
        return Sample({"format": "jsonl", **source}, _object_columns(lines))
    items = _list_path(files[0], encoding)
    where = {"items": items} if items else {}
    parts = (document_objects(file.path, items=items, encoding=encoding) for file in files)
    return Sample({"format": "json", **where, **source}, _object_columns(parts))


def _list_path(file: listing.FileInfo, encoding: str) -> str | None:
    """Return the key of the longest list of objects in a document; in a large one, of the first."""
    if file.size > _WHOLE_BYTES:
        return first_list(file.path, encoding) or None
    with (
        contextlib.suppress(ValueError, RecursionError),
        open_text(file.path, encoding) as (text, _),
    ):
        found = max(_lists(json.load(text, strict=False)), default=(0, ""))
        return found[1] or None
    return None


def _lists(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[int, str]]:
    """Yield how many objects each list in a document holds, and where it is."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _lists(inner, (*path, key))
    elif isinstance(value, list):
        yield sum(isinstance(each, Mapping) for each in value), ".".join(path)


def _parquet_columns(files: Sequence[listing.FileInfo]) -> dict[str, Values]:
    rows: list[dict[str, Any]] = []
    for file in files:
        rows += _parquet_rows(file.path, ROWS // len(files) + 1)
    return _columns(rows)


def _parquet_rows(path: str, count: int) -> list[dict[str, Any]]:
    try:
        with storage.open_input(path) as raw:
            table = pq.ParquetFile(raw)
            groups = spread_over(range(table.num_row_groups), PLACES)
            each = [table.iter_batches(count, row_groups=[group]) for group in groups]
            firsts = [next(batches, None) for batches in each]
            return in_turns([found.to_pylist() for found in firsts if found], count)
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        if not is_of_content(error):
            raise
        reason = str(error).partition("\n")[0]
        raise UsageError(f"--input {path}: cannot be read as Parquet: {reason}") from error


def _object_columns(files: Iterable[Iterator[Objects]]) -> dict[str, Values]:
    each_file = ((row for part in parts for _, row, _ in part.rows) for parts in files)
    return _columns(in_turns(each_file, ROWS))


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
    """Return what is in objects by key, `a.b` for the key b of the object a."""
    flat = [dict(_leaves(row)) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    return {name: [row.get(name) for row in flat] for name in names}


def _leaves(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{name}.")
        elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
            inner = [dict(_leaves(each, f"{name}.")) for each in value if isinstance(each, Mapping)]
            for key_inside in dict.fromkeys(key for each in inner for key in each):
                yield key_inside, [str(e[key_inside]) for e in inner if e.get(key_inside)]
        elif isinstance(value, list):
            yield name, [_in_list(each) for each in value if each is not None]
        else:
            yield name, None if value is None else str(value)


def _in_list(value: Any) -> str | list[str]:
    if isinstance(value, list):
        return [str(each) for each in value if each is not None]
    return str(value)


class _Elements:
    """Counts the elements of XML, and how deep those with children are."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.depths: dict[str, int] = {}
        self._open: list[str] = []

    def start(self, name: str, _: dict[str, str]) -> None:
        if self._open:
            self.depths.setdefault(self._open[-1], len(self._open))
        self.counts[name] += 1
        self._open.append(name)

    def end(self, _: str) -> None:
        self._open.pop()


def _record_element(path: str, text: str) -> str:
    """Return the name of the outermost element that has children and stands there repeatedly."""
    elements = _Elements()
    parser = expat.ParserCreate("utf-8")
    parser.UseForeignDTD(True)
    parser.StartElementHandler = elements.start
    parser.EndElementHandler = elements.end
    with contextlib.suppress(expat.ExpatError):  # what stands before a broken place says enough
        parser.Parse(text.encode("utf-8", "replace"), False)
    repeated = [name for name in elements.depths if elements.counts[name] > 1]
    if not repeated:
        raise UsageError(
            f"--input {path}: looks like XML, but no element with others in it stands there twice"
        )
    return min(repeated, key=lambda name: (elements.depths[name], -elements.counts[name]))
