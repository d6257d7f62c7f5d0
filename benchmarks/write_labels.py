"""Write labels into PostgreSQL, history included, beside psycopg's own COPY of the same rows.

The servers are Debian's, started here on free loopback ports in a scratch folder; PostgreSQL waits
for its disk, its `max_wal_size` is 4 GB, all else is as it comes.
Predictions are generated: ids, 500 labels, five likeliest each. `rows_per_second` is
`aisle write-labels` into an empty store from the first row to the last; `copy_rows_per_second` is
psycopg's `copy.write_row` of the same rows, all columns of `labels`, into a table without a key;
both read the same Parquet.
With `--messages N` as many changes go through RabbitMQ with confirms, beside pika's own rates: its
SelectConnection with as many messages under way, and its BlockingConnection, one at a time.
Example: .venv/bin/python benchmarks/write_labels.py --rows 1000000 --json
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
import pika
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import servers

from benchmarks.command import finish, print_json, row_count, show
from configs.stores import StoreSettings
from pipelines.sinks.schema import PROVENANCE
from pipelines.stage import Manifest
from pipelines.write_labels import batches, write_labels
from transforms.predictions import PREDICTIONS

LABELS, TOP_K, PARTS = 500, 5, 8
BARE = (
    "product_id text, label text, probability double precision, labels json, probabilities json, "
    "title_hash text, source text, rule text, run_id text, model text, model_fingerprint text, "
    "config_fingerprint text, transform_fingerprint text, taxonomy_version text, dump_id text, "
    "label_write_id text, updated_at timestamptz"
)


def write_predictions(folder: Path, rows: int) -> str:
    """Write a predictions folder as `aisle predict` leaves it; seeded."""
    folder.mkdir(parents=True)
    chance = np.random.default_rng(20_190_401)
    names = pa.array([f"department {n % 17} > shelf {n}" for n in range(LABELS)])
    for part, ids in enumerate(np.array_split(chance.permutation(rows), PARTS)):
        count = len(ids)
        classes = chance.integers(0, LABELS, (count, TOP_K))
        shares = -np.sort(-chance.dirichlet(np.ones(TOP_K), count), axis=1).astype(np.float32)
        offsets = pa.array(np.arange(count + 1, dtype=np.int32) * TOP_K)
        same = pa.array(np.zeros(count, np.int32))
        arrays = [
            pa.array([f"p{n:09d}" for n in ids]),
            pa.array([f"{n * 2654435761 % (1 << 64):016x}" for n in ids.tolist()]),
            names.take(pa.array(classes[:, 0])),
            pa.array(shares[:, 0]),
            pa.ListArray.from_arrays(offsets, names.take(pa.array(classes.ravel()))),
            pa.ListArray.from_arrays(offsets, pa.array(shares.ravel())),
            *(pa.array([f"{name[:6]}-0123456789ab"]).take(same) for name in PROVENANCE),
        ]
        pq.write_table(
            pa.Table.from_arrays(arrays, schema=PREDICTIONS),
            folder / f"part-{part:05d}-of-{PARTS:05d}.parquet",
        )
    manifest = Manifest("predict", "bench", "config", "0", {"predictions": rows})
    (folder / "COMPLETED").write_text(json.dumps(asdict(manifest)))
    return str(folder)


def time_copy(dsn: str, predictions: str) -> float:
    """Return the seconds of psycopg's own COPY of the same rows into a bare table."""
    parts = sorted(map(str, Path(predictions).glob("part-*.parquet")))
    now = datetime.now(UTC)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(f"CREATE TABLE bare ({BARE})")  # type: ignore[call-overload]
        began = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy("COPY bare FROM STDIN") as copy:
            for batch in batches(parts, 50_000):
                for row in _bare_rows(batch, now):
                    copy.write_row(row)
        return time.perf_counter() - began


def _bare_rows(batch: pa.RecordBatch, now: datetime) -> Iterator[tuple[Any, ...]]:
    names = ("id", "label", "probability", "labels", "probabilities", "title_hash", *PROVENANCE)
    for name, label, share, labels, shares, title, *made in zip(
        *(batch.column(n).to_pylist() for n in names), strict=True
    ):
        lists = (json.dumps(labels), json.dumps(shares))
        yield (name, label, share, *lists, title, "model", None, *made, None, "bench", "w", now)


def time_ours(url: str, predictions: str) -> float:
    began = time.perf_counter()
    write_labels(predictions, store_url=url, dump_id="bench", settings=StoreSettings())
    return time.perf_counter() - began


@contextmanager
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="aisle-bench-"))
    folder.chmod(0o755)  # the servers run as users of their own
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure_postgres(folder: Path, predictions: str, rows: int) -> dict[str, Any]:
    for server in servers.postgres(folder, durable=True):
        theirs = time_copy(server.dsn, predictions)
        ours = time_ours(server.url, predictions)
    return {
        "rows": rows,
        "seconds": round(ours, 3),
        "rows_per_second": round(rows / ours, 1),
        "copy_seconds": round(theirs, 3),
        "copy_rows_per_second": round(rows / theirs, 1),
        "ratio_to_copy": round(theirs / ours, 3),
    }


def measure_rabbit(folder: Path, messages: int) -> dict[str, Any]:
    """Send as many changes through the sink as messages of the same bytes through pika."""
    from configs.stores import QueueSettings
    from pipelines.sinks.queue import QueueSink

    changes = [{"message_id": f"{n:032x}", "product_id": f"p{n}", "pad": "x" * 700}
               for n in range(messages)]  # fmt: skip
    for server in servers.rabbit(folder):
        sink = QueueSink(QueueSettings(url=server.url, queue="ours"))
        rows = sink.settings.batch_rows
        began = time.perf_counter()
        for start in range(0, messages, rows):
            assert not sink.deliver(changes[start : start + rows], "")
        ours = time.perf_counter() - began
        sink.close()
        theirs = PikaAlone(server.url, changes, window=rows).seconds()
        few = changes[:20_000]  # it waits for each: all would take long, at the same rate
        one_by_one = time_pika_blocking(server.url, few)
    return {
        "messages": messages,
        "messages_per_second": round(messages / ours, 1),
        "pika_messages_per_second": round(messages / theirs, 1),
        "ratio_to_pika": round(theirs / ours, 3),
        "pika_blocking_messages_per_second": round(len(few) / one_by_one, 1),
    }


class PikaAlone:
    """pika's own SelectConnection: `window` persistent messages are waiting for their confirm."""

    def __init__(self, url: str, changes: list[dict[str, Any]], window: int) -> None:
        self._changes, self._window = changes, window
        self._sent, self._open = 0, set[int]()
        self._connection = pika.SelectConnection(
            pika.URLParameters(url), lambda c: c.channel(on_open_callback=self._declare)
        )

    def seconds(self) -> float:
        self._connection.ioloop.start()
        return self._ended - self._began

    def _declare(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._on_confirm)
        channel.queue_declare("theirs", durable=True, callback=lambda _: self._begin())

    def _begin(self) -> None:
        self._began = time.perf_counter()
        self._fill()

    def _on_confirm(self, frame: Any) -> None:
        assert isinstance(frame.method, pika.spec.Basic.Ack)
        tag = frame.method.delivery_tag
        self._open -= {n for n in self._open if n <= tag} if frame.method.multiple else {tag}
        self._fill()
        if self._open:
            return
        self._ended = time.perf_counter()
        self._connection.add_on_close_callback(lambda *_: self._connection.ioloop.stop())
        self._connection.close()

    def _fill(self) -> None:
        free = self._window - len(self._open)
        for change in self._changes[self._sent : self._sent + free]:
            body = json.dumps(change).encode()
            self._channel.basic_publish("", "theirs", body, pika.BasicProperties(delivery_mode=2))
            self._sent += 1
            self._open.add(self._sent)


def time_pika_blocking(url: str, changes: list[dict[str, Any]]) -> float:
    """Return the seconds of pika's BlockingConnection, which waits for each confirm."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("theirs", durable=True)
        began = time.perf_counter()
        for change in changes:
            persistent = pika.BasicProperties(delivery_mode=2)
            channel.basic_publish("", "theirs", json.dumps(change).encode(), persistent)
        return time.perf_counter() - began


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=row_count, default=1_000_000, help="labels to write")
    parser.add_argument("--messages", type=row_count, default=0, help="changes through RabbitMQ")
    parser.add_argument("--json", action="store_true", help="last line of stdout: one JSON object")
    args = parser.parse_args(argv)
    figures: dict[str, Any] = {}
    with scratch() as folder:
        if args.rows:
            predictions = write_predictions(folder / "predictions", args.rows)
            figures |= measure_postgres(folder, predictions, args.rows)
        if args.messages:
            figures |= measure_rabbit(folder, args.messages)
    title = "Writing labels"
    show(title, ["figure", ""], [[k, f"{v:,}"] for k, v in figures.items()], args.json)
    print_json(figures, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
