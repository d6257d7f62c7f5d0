"""Files: every change once, the same bytes when written again, whatever interrupts."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import servers
from label_writes import sqlite_url, write
from shelf import many
from test_queue_sink import expected

from configs.errors import PassingFault, UsageError

HERE = Path(__file__).parent
WRITE_IN_A_PROCESS = """
import json, sys
from label_writes import write
write(sys.argv[1], sys.argv[2], batch_rows=500, sinks=[json.loads(sys.argv[3])])
"""


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_files_hold_every_change_and_are_the_same_when_written_again(
    form: str, tmp_path: Path
) -> None:
    folder, out = many(tmp_path / "p", 25), tmp_path / "out"
    sink = {"url": f"file://{out}", "format": form, "batch_rows": 10}
    figures = write(folder, sqlite_url(tmp_path / "labels.db"), sinks=[sink])
    assert list(figures["sinks"].values()) == [{"delivered": 25, "refused": 0}]
    files = sorted(out.iterdir())
    assert len(files) == 3
    if form == "parquet":
        rows = [row for file in files for row in pq.read_table(file).to_pylist()]
        assert rows[0]["labels"] == ["c0", "Toys"]
    elif form == "jsonl":
        rows = [json.loads(line) for file in files for line in file.open()]
        assert rows[0]["labels"] == ["c0", "Toys"]
    else:
        rows = [row for file in files for row in csv.DictReader(file.open())]
        assert json.loads(rows[0]["labels"]) == ["c0", "Toys"]
    told = {row["product_id"]: row["new_label"] for row in rows}
    assert told == {name: label for name, (_, label, _) in expected(25).items()}
    assert len({row["message_id"] for row in rows}) == 25


def told(folder: Path) -> list[dict[str, Any]]:
    """Return all changes in JSON lines, in order; files that are half there have a dot first."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return [json.loads(line) for file in files for line in file.open()]


def test_killed_at_ten_moments_and_run_again_the_files_are_as_if_run_once(tmp_path: Path) -> None:
    folder, url, out = many(tmp_path / "p", 6000), sqlite_url(tmp_path / "x.db"), tmp_path / "out"
    sink = {"url": f"file://{out}", "format": "jsonl", "batch_rows": 50, "rows_per_second": 1000.0}
    path = f"{HERE}{os.pathsep}{HERE.parent}{os.pathsep}{HERE.parents[1]}"
    command = [sys.executable, "-c", WRITE_IN_A_PROCESS, folder, url, json.dumps(sink)]
    chance, statuses = random.Random(20_190_401), []

    def there() -> int:
        return len(list(out.glob("labels-*"))) if out.exists() else 0

    for _ in range(10):
        child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path})
        stop = there() + chance.randint(1, 3)
        servers.wait_until(
            lambda child=child, stop=stop: child.poll() is not None or there() >= stop, "files"
        )
        child.kill()
        statuses.append(child.wait())
    assert statuses.count(-signal.SIGKILL) == 10
    assert there() < 120
    figures = write(folder, url, sinks=[{**sink, "rows_per_second": None}])
    assert list(figures["sinks"].values()) == [{"delivered": 6000, "refused": 0}]
    rows = told(out)
    assert len({row["message_id"] for row in rows}) == len(rows) == 6000
    told_of = {row["product_id"]: (row["old_label"], row["new_label"], row["new_probability"])
               for row in rows}  # fmt: skip
    assert told_of == expected(6000)


def test_a_folder_that_cannot_be_written_names_the_setting_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sink = {"url": f"file://{tmp_path}/file/out", "format": "csv"}
    with pytest.raises(UsageError, match=r"file/out: cannot be written .*store\.sinks"):
        write(many(tmp_path / "p", 1), sqlite_url(tmp_path / "x.db"), sinks=[sink])


def test_a_full_disk_is_one_line_and_the_files_come_later(tmp_path: Path, small_disk: Path) -> None:
    folder, url = many(tmp_path / "p", 1000), sqlite_url(tmp_path / "x.db")
    retry = {"first_seconds": 0.01, "give_up_seconds": 0.05}
    sink = {"url": f"file://{small_disk}/out", "format": "jsonl", "batch_rows": 100, "retry": retry}
    (small_disk / "out").mkdir()
    with open(small_disk / "filler", "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    with pytest.raises(PassingFault, match=r"No space left.*free some space") as refusal:
        write(folder, url, sinks=[sink])
    assert "\n" not in str(refusal.value)
    assert not list((small_disk / "out").glob("labels-*"))
    (small_disk / "filler").unlink()
    write(folder, url, sinks=[sink])
    assert len(told(small_disk / "out")) == 1000
