"""The transform function, learned once for each kind of settings and size of the vocabulary.

All but its vocabulary, a file of its own beside the graph, hangs on the settings alone.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pyarrow as pa

from configs.loading import fingerprint
from configs.settings import Settings
from pipelines import storage
from pipelines.cleaned_files import entry_fingerprint, with_digest, without_digest
from transforms.tokens import VOCABULARY

_ASSET = f"transform_fn/assets/{VOCABULARY}"
_MADE_OF = "made of"


def write_transform(counts: pa.RecordBatch, settings: Settings, work: str, cache: str) -> None:
    """Write the function to `<work>/transform_fn`; `counts` are the tokens of the vocabulary."""
    features = settings.features.model_dump(mode="json", exclude={"tokens": {"vocabulary"}})
    shaped = fingerprint(features, {"entries": entry_fingerprint(settings)})
    path = f"{cache}/transform-{shaped}-{counts.num_rows}"
    vocabulary = b"".join(token + b"\n" for token in counts.column("token").to_pylist())
    with storage.published(f"{work}/transform_fn") as folder:
        kept = without_digest(path)
        if kept is not None:
            _unpack(kept, Path(folder), vocabulary)
            return
        _learn(counts, settings, folder, work, _name(vocabulary))
        asset = Path(folder, _ASSET)
        if asset.exists() and asset.read_bytes() == vocabulary:
            storage.write_bytes(path, with_digest(memoryview(_pack(Path(folder), vocabulary))))


def _name(vocabulary: bytes) -> str:
    """Return a name for a vocabulary, always of one length.

    TensorFlow names a table by the path that its file had when the graph was made, and two tables
    of one name in one process are one table: the name must not outlive the vocabulary.
    """
    return hashlib.blake2b(vocabulary, digest_size=16).hexdigest()


def _learn(counts: pa.RecordBatch, settings: Settings, folder: str, work: str, name: str) -> None:
    from aisle.quiet import import_tensorflow

    import_tensorflow()
    import apache_beam as beam

    from pipelines.learn_features import LearnTransform
    from pipelines.runner import pipeline_options, running

    options = pipeline_options(settings.pipeline, ())
    with (
        storage.scratch(f"{work}/tft") as temporary,
        running(options, settings.pipeline, work) as pipeline,
    ):
        learn = LearnTransform(settings, folder, f"{temporary}/{name}")
        pipeline | "Take the vocabulary" >> beam.Create([counts]) | "Learn it" >> learn


def _pack(folder: Path, vocabulary: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(_MADE_OF, _name(vocabulary))
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and name != _ASSET:
                archive.writestr(name, path.read_bytes())
    return content.getvalue()


def _unpack(kept: pa.Buffer, folder: Path, vocabulary: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(kept)) as archive:
        before, now = archive.read(_MADE_OF), _name(vocabulary).encode()
        for name in archive.namelist():
            if name != _MADE_OF:
                _write(folder / name, archive.read(name).replace(before, now))
    _write(folder / _ASSET, vocabulary)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
