"""The queue: every change once, under the same id however often it is sent; refusals are kept."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pika
import pytest
import servers
from label_writes import predict, product, sqlite_url, write
from relay import relay

from configs.errors import PassingFault, UsageError
from configs.stores import StoreSettings
from pipelines.sinks.delivery import feed, opened
from pipelines.sinks.doors import open_ledger
from pipelines.sinks.engine import parse_url
from pipelines.sinks.replay import dead_letters, replay
from pipelines.sinks.story import undo

HERE = Path(__file__).parent
SCHEMA = HERE.parents[1] / "docs" / "label_change.schema.json"
QUICK = {"first_seconds": 0.05, "longest_seconds": 0.5, "give_up_seconds": 300.0}
PUBLISH_IN_A_PROCESS = """
import json, sys
from label_writes import write
write(sys.argv[1], sys.argv[2], batch_rows=500, sinks=[json.loads(sys.argv[3])])
"""


def many(folder: Path, rows: int, label: str = "c") -> str:
    return predict(folder, [product(f"p{n}", f"{label}{n % 7}", n / rows) for n in range(rows)])


class Queue:
    """A queue of its own on the broker, emptied as a consumer would."""

    def __init__(self, rabbit: servers.Rabbit, **arguments: Any) -> None:
        self.rabbit, self.name = rabbit, f"q{random.Random().getrandbits(48):x}"
        if arguments:
            with self._connection() as connection:
                given = {name.replace("_", "-"): value for name, value in arguments.items()}
                connection.channel().queue_declare(self.name, durable=True, arguments=given)

    @property
    def sink(self) -> dict[str, Any]:
        own = {"name": "queue", "queue": self.name, "batch_rows": 200, "retry": QUICK}
        return {"url": self.rabbit.url, **own}

    def take(self) -> list[dict[str, Any]]:
        """Take all messages that are there, persistent each."""
        found = []
        with self._connection() as connection:
            channel = connection.channel()
            while (got := channel.basic_get(self.name, auto_ack=True))[0] is not None:
                assert got[1].delivery_mode == 2
                change = json.loads(got[2])
                assert got[1].message_id == change["message_id"]
                found.append(change)
        return found

    def _connection(self) -> Any:
        return pika.BlockingConnection(pika.URLParameters(self.rabbit.url))


def once(messages: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Return what a consumer knows that takes every message id once."""
    by_id = {m["message_id"]: m for m in messages}
    assert len(by_id) == len({m["product_id"] for m in by_id.values()})
    return {m["product_id"]: (m["old_label"], m["new_label"], m["new_probability"])
            for m in by_id.values()}  # fmt: skip


def expected(rows: int) -> dict[str, tuple[Any, ...]]:
    import numpy as np

    return {f"p{n}": (None, f"c{n % 7}", float(np.float32(n / rows))) for n in range(rows)}


def test_every_change_is_one_persistent_message_that_fits_its_schema(
    tmp_path: Path, rabbit: servers.Rabbit
) -> None:
    queue, url = Queue(rabbit), sqlite_url(tmp_path / "labels.db")
    first = write(many(tmp_path / "1", 500), url, sinks=[queue.sink])
    assert first["sinks"] == {"queue": {"delivered": 500, "refused": 0}}
    messages = queue.take()
    assert len(messages) == 500
    assert once(messages) == expected(500)
    known = json.loads(SCHEMA.read_text())["properties"]
    assert known.keys() == messages[0].keys()
    assert messages[0]["changed_at"].endswith("+00:00")
    changed = [product(f"p{n}", f"c{n % 7}", n / 500) for n in range(499)]
    changed.append(product("p499", "Garden", 0.5))
    write(predict(tmp_path / "2", changed), url, "tuesday", sinks=[queue.sink])
    (message,) = queue.take()
    assert (message["old_label"], message["new_label"]) == ("c2", "Garden")
    settings = StoreSettings.model_validate({"sinks": [queue.sink]})
    with open_ledger(parse_url(url), settings) as ledger:
        undone = undo(ledger, message["write_id"])
        feed(ledger, settings.sinks, undone["write_id"])
    (message,) = queue.take()
    assert (message["old_label"], message["new_label"]) == ("Garden", "c2")


def test_a_queue_that_refuses_fills_the_dead_letters_and_they_are_replayed(
    tmp_path: Path, rabbit: servers.Rabbit
) -> None:
    queue = Queue(rabbit, x_max_length=30, x_overflow="reject-publish")
    url, refusing = sqlite_url(tmp_path / "labels.db"), {**queue.sink, "exchange": "amq.direct"}
    folder = many(tmp_path / "1", 100)
    # bound to nothing, the exchange returns every message
    figures = write(folder, url, sinks=[refusing])["sinks"]["queue"]
    assert figures == {"delivered": 0, "refused": 100}
    settings = StoreSettings.model_validate({"sinks": [{**queue.sink, "declare": False}]})
    taken: list[dict[str, Any]] = []
    with open_ledger(parse_url(url), settings) as ledger:
        assert {letter["reason"] for letter in dead_letters(ledger)} == {"312 NO_ROUTE"}
        with opened(settings.sinks) as sinks:
            left = 100
            while left:
                result = replay(ledger, sinks)
                assert result["replayed"] > 0
                left = result["left"]
                taken += queue.take()
    assert len(taken) == 100
    assert once(taken) == expected(100)


def test_a_broker_that_is_stopped_in_the_middle_and_started_again(
    tmp_path: Path, rabbit: servers.Rabbit
) -> None:
    queue, url = Queue(rabbit), sqlite_url(tmp_path / "labels.db")
    folder = many(tmp_path / "p", 3000)
    slow = {**queue.sink, "batch_rows": 100, "rows_per_second": 3000.0}
    figures: list[dict[str, Any]] = []
    writer = threading.Thread(target=lambda: figures.append(write(folder, url, sinks=[slow])))
    writer.start()
    servers.wait_until(lambda: _depth(queue) >= 500, "messages arrive")
    rabbit.stop()
    rabbit.start()
    writer.join()
    assert figures[0]["sinks"]["queue"] == {"delivered": 3000, "refused": 0}
    messages = queue.take()
    assert once(messages) == expected(3000)


def test_a_connection_to_the_broker_that_is_cut_is_made_again(
    tmp_path: Path, rabbit: servers.Rabbit
) -> None:
    queue, url = Queue(rabbit), sqlite_url(tmp_path / "labels.db")
    folder = many(tmp_path / "p", 2000)
    with relay(rabbit.port, cut_after=300_000) as wire:
        through = rabbit.url.replace(str(rabbit.port), str(wire.port))
        figures = write(folder, url, sinks=[{**queue.sink, "url": through}])
        assert wire.taken > 1
    assert figures["sinks"]["queue"] == {"delivered": 2000, "refused": 0}
    assert once(queue.take()) == expected(2000)


def test_killed_at_ten_moments_and_run_again_no_change_is_lost(
    tmp_path: Path, rabbit: servers.Rabbit
) -> None:
    queue, url = Queue(rabbit), sqlite_url(tmp_path / "labels.db")
    folder = many(tmp_path / "p", 4000)
    path = f"{HERE}{os.pathsep}{HERE.parent}{os.pathsep}{HERE.parents[1]}"
    sink = json.dumps({**queue.sink, "rows_per_second": 4000.0})
    command = [sys.executable, "-c", PUBLISH_IN_A_PROCESS, folder, url, sink]
    chance, statuses, taken = random.Random(20_190_401), [], []
    for _ in range(10):
        child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path})
        stop = chance.randint(1, 300)
        servers.wait_until(
            lambda child=child, stop=stop: child.poll() is not None or _depth(queue) >= stop,
            "messages arrive",
        )
        child.kill()
        statuses.append(child.wait())
        taken += queue.take()
    assert -signal.SIGKILL in statuses
    write(folder, url, sinks=[queue.sink])
    taken += queue.take()
    assert once(taken) == expected(4000)
    twice = [name for name, n in Counter(m["message_id"] for m in taken).items() if n > 1]
    assert len(twice) < 4000


def _depth(queue: Queue) -> int:
    try:
        with queue._connection() as connection:
            declared = connection.channel().queue_declare(queue.name, passive=True)
            return int(declared.method.message_count)
    except pika.exceptions.AMQPError:
        return 0


def test_a_broker_that_is_not_there_is_one_line_without_its_password(tmp_path: Path) -> None:
    url = f"amqp://shop:s3cret@127.0.0.1:{servers.free_port()}/%2F"
    sink = {"url": url, "retry": {"first_seconds": 0.01, "give_up_seconds": 0.05}}
    folder = many(tmp_path / "p", 10)
    with pytest.raises(PassingFault, match=r"amqp://127.0.0.1:\d+/%2F: .*aisle.labels") as refusal:
        write(folder, sqlite_url(tmp_path / "labels.db"), sinks=[sink])
    assert "s3cret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_wrong_password_is_not_tried_again(tmp_path: Path, rabbit: servers.Rabbit) -> None:
    url = rabbit.url.replace(servers.PASSWORD, "wr0ng")
    with pytest.raises(UsageError) as refusal:
        write(many(tmp_path / "p", 1), sqlite_url(tmp_path / "x.db"), sinks=[{"url": url}])
    assert not isinstance(refusal.value, PassingFault)
    assert "wr0ng" not in str(refusal.value)
