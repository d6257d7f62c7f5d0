"""Walk the command line inside the test's process, and look at what it left on disk."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from aisle.__main__ import main
from configs.artifacts import RunArtifacts
from configs.settings import Settings

CONFIGS = Path(__file__).parents[1] / "configs"


@dataclass(frozen=True)
class Said:
    """What a command answered: its exit status and all that it wrote, native code included."""

    status: int
    out: str
    err: str

    @property
    def figures(self) -> dict[str, Any]:
        """The last line of standard output, as `--json` promises it."""
        return json.loads(self.out.splitlines()[-1])


def aisle(*arguments: object) -> Said:
    """Run `aisle` with these arguments in this process."""
    with tempfile.TemporaryFile() as errors:
        out = io.StringIO()
        with _standard_error_into(errors.fileno()), contextlib.redirect_stdout(out):
            try:
                status = main([str(argument) for argument in arguments])
            except SystemExit as stop:  # argparse's way to say no
                status = int(stop.code or 0)
        errors.seek(0)
        return Said(status, out.getvalue(), errors.read().decode())


@contextlib.contextmanager
def _standard_error_into(target: int) -> Iterator[None]:
    saved = os.dup(2)
    os.dup2(target, 2)
    text = open(os.dup(target), "w", buffering=1)  # noqa: SIM115  closed below
    try:
        with text, contextlib.redirect_stderr(text):
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@dataclass(frozen=True)
class Shop:
    """One prefix, one configuration file, and the options that every command gets."""

    config: Path
    prefix: Path

    def __call__(
        self, command: str, *options: object, run_id: str = "monday", sets: Iterable[str] = ()
    ) -> Said:
        return aisle(*self.typed(command, *options, run_id=run_id, sets=sets))

    def typed(
        self, command: str, *options: object, run_id: str = "monday", sets: Iterable[str] = ()
    ) -> list[str]:
        """Return the arguments as they would be typed, with `--json`."""
        own = ["--config", self.config, "--prefix", self.prefix, "--run-id", run_id, "--json"]
        for value in sets:
            own += ["--set", value]
        return [str(argument) for argument in (command, *own, *options)]

    def at(self, run_id: str = "monday") -> RunArtifacts:
        return RunArtifacts(str(self.prefix), run_id)


def open_shop(root: Path, settings: Settings) -> Shop:
    """Write the settings to a file below `root`; the prefix is beside it."""
    root.mkdir(parents=True, exist_ok=True)
    config = root / "config.yaml"
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")
    return Shop(config, root / "out")


def contents(folder: str | Path, pattern: str = "**/*") -> dict[str, bytes]:
    """Return every file below a folder, hidden ones too, by its relative path."""
    root = Path(folder)
    found = {*root.glob(pattern), *root.glob(f"**/.*/{pattern}"), *root.glob("**/.*")}
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(found) if p.is_file()}


def examples(artifacts: RunArtifacts) -> dict[str, bytes]:
    """Return the bytes of every shard of a run."""
    return contents(artifacts.tfrecords, "*.tfrecord.gz")


def predictions(artifacts: RunArtifacts, dump_id: str) -> pa.Table:
    """Return the predictions of a dump, by id."""
    parts = sorted(Path(artifacts.predictions(dump_id)).glob("part-*.parquet"))
    return pa.concat_tables([pq.read_table(part) for part in parts]).sort_by("id")


def answers(table: pa.Table) -> pa.Table:
    """Return of predictions what does not name the run that made them."""
    return table.select(["id", "title_hash", "label", "probability", "labels", "probabilities"])


def on_one_and_two_devices(shop: Shop, models: dict[str, list[str]]) -> dict[str, Any]:
    """Fit models, each with its overrides, on one logical CPU and on two; return the histories."""
    root = Path(__file__).parents[1]
    script, known = Path(__file__).with_name("several_devices.py"), json.dumps(models)
    run = subprocess.run(
        [sys.executable, str(script), str(shop.prefix), str(shop.config), known],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert run.returncode == 0, run.stderr[-3000:]
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def one_line(said: Said, *words: str) -> None:
    """Assert that a command refused: status 2, one line on standard error, with these words."""
    assert said.status == 2, said.err
    lines = said.err.splitlines()
    assert len(lines) == 1, said.err
    assert lines[0].startswith("aisle ")
    assert "Traceback" not in said.err
    for word in words:
        assert word in lines[0]


def write_dump(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """Write ids and titles as CSV."""
    lines = ["id,title", *(f'{name},"{title}"' for name, title in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
