"""Read and clean category files, or take what an earlier run made of the same file.

An entry holds all that reading and cleaning give of one file: titles, rejects, counts. Its name is
a hash of the file's content and name, of the settings that matter and of the code, so an entry
that is there is right; it begins with a hash of itself, so one that is damaged is made anew.
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from configs.columns import ColumnFeature
from configs.features import TextSettings
from configs.loading import fingerprint
from configs.settings import CategorySettings, Settings, SourceSettings
from pipelines import listing, storage
from pipelines.category_files import CategoryFile, empty_titles, read_category_file
from pipelines.rejects import REJECTED, rejects_batch
from transforms.title_batches import clean_batch
from transforms.titles import CLEANED

_DIGEST = 32  # bytes of a SHA-256, for which processors have instructions
_MADE_BY = ("pipelines", "transforms")
_LIBRARIES = ("tensorflow", "tensorflow-transform", "pyarrow", "numpy", "isal")
_READ_ROWS = b"read"


@dataclass
class CleanedFile:
    """Batches of `CLEANED`, whose `file` is 0, batches of `REJECTED`, and the rows read."""

    titles: list[pa.RecordBatch] = field(default_factory=list)
    rejects: list[pa.RecordBatch] = field(default_factory=list)
    read: int = 0

    @property
    def records(self) -> int:
        return self.read + sum(batch.num_rows for batch in self.rejects)


def entry_names(files: Sequence[CategoryFile], settings: Settings) -> list[str]:
    """Return for each file the name of its entry: 32 hexadecimal digits."""
    shaped = entry_fingerprint(settings)
    told = [f"{shaped}\0{file.relative}\0{file.category}\0{file.digest}" for file in files]
    return [
        hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        for text in told
    ]


def entry_fingerprint(settings: Settings) -> str:
    """Fingerprint the settings and the code that shape an entry."""
    return fingerprint(
        settings.source,
        settings.categories,
        settings.text,
        settings.features.model_dump(mode="json", include={"columns"}),
        {"key": settings.split.key, "code": code_fingerprint()},
    )


@functools.cache
def code_fingerprint() -> str:
    """Fingerprint whatever makes an entry: the modules of two rooms and the libraries."""
    digest = hashlib.blake2b(digest_size=16)
    root = Path(__file__).resolve().parents[1]
    for path in sorted(p for room in _MADE_BY for p in (root / room).rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    digest.update(repr([version(name) for name in _LIBRARIES]).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class FileCleaner:
    """Reads and cleans a file, or takes what an earlier run made of it from `folder`."""

    source: SourceSettings
    categories: CategorySettings
    text: TextSettings
    key: int
    features: Mapping[str, ColumnFeature]
    folder: str

    @classmethod
    def of(cls, settings: Settings, folder: str) -> FileCleaner:
        return cls(
            settings.source,
            settings.categories,
            settings.text,
            settings.split.key,
            settings.features.columns,
            folder,
        )

    def take(self, file: CategoryFile, name: str) -> CleanedFile:
        """Return what is made of a file; `name` is that of its entry, which is there then."""
        found = self.known(name)
        if found is None:
            found = self._make(file)
            storage.write_bytes(f"{self.folder}/{name}", pack_entry(found))
        return found

    def known(self, name: str) -> CleanedFile | None:
        """Return what an entry holds; None where there is none."""
        return load_entry(f"{self.folder}/{name}")

    def _make(self, file: CategoryFile) -> CleanedFile:
        made = CleanedFile()
        for rows, rejects in read_category_file(file, self.source, self.categories, self.features):
            if rejects:
                made.rejects.append(rejects_batch(rejects))
            if rows.num_rows:
                cleaned, blank = clean_batch(rows, self.text, self.key)
                made.titles.append(with_file(cleaned, 0))
                made.read += rows.num_rows
                if blank.num_rows:
                    made.rejects.append(empty_titles(with_file(blank, 0), [file.relative]))
        return made


def with_file(batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
    """Return rows of which each says that it is of the file `number`."""
    place = batch.schema.get_field_index("file")
    numbers = pa.array(np.full(batch.num_rows, number, np.int32))
    return batch.set_column(place, "file", numbers)


def pack_entry(entry: CleanedFile) -> bytes:
    """Return the bytes of an entry: a hash of what follows, then two Arrow streams."""
    content = io.BytesIO()
    titles = entry.titles or [pa.RecordBatch.from_pylist([], CLEANED)]
    schema = titles[0].schema.with_metadata({_READ_ROWS: str(entry.read)})
    for form, batches in ((schema, titles), (REJECTED, entry.rejects)):
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        with pa.ipc.new_stream(content, form, options=options) as writer:
            for batch in batches:
                writer.write_batch(batch.replace_schema_metadata(form.metadata))
    return with_digest(content.getbuffer())


def load_entry(path: str) -> CleanedFile | None:
    """Return an entry; None where there is none, or it is not as it was written."""
    content = without_digest(path)
    if content is None:
        return None
    source = pa.BufferReader(content)
    titles = pa.ipc.open_stream(source)
    batches = [batch.replace_schema_metadata(None) for batch in titles]
    rejects = list(pa.ipc.open_stream(source))
    return CleanedFile(
        [batch for batch in batches if batch.num_rows],
        rejects,
        int(titles.schema.metadata[_READ_ROWS]),
    )


def with_digest(content: memoryview) -> bytes:
    """Return the content with a hash of it in front."""
    return hashlib.sha256(content).digest() + content


def without_digest(path: str) -> pa.Buffer | None:
    """Return what `with_digest` made, without the hash; None where it is not there, or damaged."""
    try:
        content = memoryview(storage.read_bytes(path))
    except FileNotFoundError:
        return None
    digest = hashlib.sha256(content[_DIGEST:]).digest()
    return pa.py_buffer(content[_DIGEST:]) if digest == content[:_DIGEST] else None


def known_entries(folder: str) -> set[str]:
    """Return the names of the entries that are there; `UsageError` where none may be written."""
    storage.make_folder(folder)
    return {info.relative for info in listing.list_files(folder, "*")}
