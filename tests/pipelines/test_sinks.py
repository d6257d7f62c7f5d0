"""What all sinks share: how they are named and chosen, retries, rate limits, dead letters."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import servers
from label_writes import query, sqlite_url, write
from shelf import HISTORY, many

from configs.errors import PassingFault, UsageError
from configs.loading import parse_settings, stored_at
from configs.stores import (
    FileSettings,
    IndexSettings,
    QueueSettings,
    RetrySettings,
    StoreSettings,
    shown_url,
    without_passwords,
)
from pipelines.sinks.retry import RateLimit, with_retries


def test_two_sinks_of_one_name_and_a_sink_as_store_are_refused(tmp_path: Path) -> None:
    folder, url = many(tmp_path / "p", 1), sqlite_url(tmp_path / "labels.db")
    same = [{"url": f"file://{tmp_path}/out"}] * 2
    with pytest.raises(UsageError, match="two are called"):
        write(folder, url, sinks=same)
    with pytest.raises(UsageError, match=r"amqp is a sink.*store\.sinks") as refusal:
        write(folder, "amqp://u:s3cret@h/")
    assert "s3cret" not in str(refusal.value)
    with pytest.raises(ValueError, match="begins with none of amqp"):
        StoreSettings.model_validate({"sinks": [{"url": "kafka://h"}]})


def test_a_sink_is_chosen_by_its_url_alone_or_with_settings_of_its_own() -> None:
    given = ["amqps://h", "elasticsearch+https://h:9200", {"url": "gs://shop/labels"}]
    queue, index, files = StoreSettings.model_validate({"sinks": given}).sinks
    assert (type(queue), type(index), type(files)) == (QueueSettings, IndexSettings, FileSettings)
    other = {"url": "file:///data/out", "format": "csv"}
    alone = StoreSettings.model_validate({"url": "amqp://h", "sinks": [other]})
    assert alone.database is None
    assert [sink.url for sink in alone.all_sinks] == ["amqp://h", "file:///data/out"]
    database = StoreSettings.model_validate({"url": "sqlite:////data/x.db"})
    assert (database.database, database.all_sinks) == ("sqlite:////data/x.db", [])
    assert stored_at(alone, None) is alone
    moved = stored_at(alone, "gs://shop/labels")
    assert [sink.url for sink in moved.all_sinks] == ["gs://shop/labels", "file:///data/out"]


@pytest.mark.parametrize(
    ("store", "says"),
    [
        ({"url": "amqp://"}, "names no host; expected amqp://user:password@host"),
        ({"sinks": ["opensearch+http://"]}, "names no host"),
        ({"sinks": [{"url": "file://labels"}]}, "three slashes"),
        ({"url": "gs://"}, "is no folder"),
        ({"sinks": [{"url": "amqp://h", "format": "csv"}]}, "unknown key"),
        ({"sinks": [{"url": "file:///d", "format": "xml"}]}, "'parquet', 'csv' or 'jsonl'"),
        ({"sinks": ["kafka://u:s3cret@h"]}, "begins with none of amqp, amqps"),
        ({"sinks": "amqp://u:s3cret@h"}, "valid list, got 'amqp://u:***@h'"),
        ({"sinks": [{"url": "opensearch+http://u:s3cret@[::1"}]}, "names no host"),
        ("amqp://u:s3/cr@et@h", "got 'amqp://u:***@h'"),
    ],
)
def test_a_wrong_sink_is_one_line_that_tells_no_password(store: object, says: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_settings({"name": "shop", "store": store})
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)
    for secret in ("s3cret", "cr@et"):
        assert secret not in str(refusal.value)


def test_a_config_that_is_written_down_tells_no_password() -> None:
    urls = ["amqp://u:s3c@ret/x@h:1/%2F", "postgresql+psycopg://u@h/d?password=s3c&x=1", "gs://b/x"]
    hidden = ["amqp://u:***@h:1/%2F", "postgresql+psycopg://u@h/d?password=***&x=1", "gs://b/x"]
    given = {"store": {"sinks": [{"url": urls[0]}], "url": urls[1]}, "n": 1, "to": urls[2]}
    told = {"store": {"sinks": [{"url": hidden[0]}], "url": hidden[1]}, "n": 1, "to": hidden[2]}
    assert without_passwords(given) == told


def test_two_writers_at_once_end_as_one(tmp_path: Path) -> None:
    """On SQLite, with a sink: one waits for the other, the files are as if one had run."""
    folder, url = many(tmp_path / "p", 3000), sqlite_url(tmp_path / "labels.db")
    sink = {"url": f"file://{tmp_path}/out", "format": "jsonl", "batch_rows": 200}
    results: list[dict[str, Any]] = []
    writers = [
        threading.Thread(
            target=lambda: results.append(write(folder, url, batch_rows=300, sinks=[sink]))
        )
        for _ in range(2)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [figures["predictions"] for figures in results] == [3000, 3000]
    write(folder, sqlite_url(tmp_path / "oracle.db"))
    assert query(tmp_path / "labels.db", HISTORY) == query(tmp_path / "oracle.db", HISTORY)
    rows = [line for file in (tmp_path / "out").glob("labels-*") for line in file.open()]
    assert len(rows) == 3000


def test_a_shown_url_has_no_user_password_or_options() -> None:
    assert shown_url("amqp://u:s3cret@h:5672/%2F?x=s3cret") == "amqp://h:5672/%2F"
    assert shown_url("opensearch+https://u:s3cret@[::1") == "opensearch+https://..."


def test_a_passing_fault_is_met_with_longer_and_longer_waits() -> None:
    waits: list[float] = []
    faults = iter([PassingFault("down")] * 6)

    def work() -> str:
        if fault := next(faults, None):
            raise fault
        return "done"

    settings = RetrySettings(first_seconds=1.0, longest_seconds=8.0, give_up_seconds=100.0)
    found = with_retries(work, settings, lambda e: isinstance(e, PassingFault), waits.append)
    assert found == "done"
    assert len(waits) == 6
    assert all(0 <= wait <= min(2.0**n, 8.0) for n, wait in enumerate(waits))
    with pytest.raises(ValueError, match="for good"):
        with_retries(lambda: int("for good"), settings, lambda e: False, waits.append)


def test_a_rate_limit_lets_so_many_rows_through_in_a_second() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    limit = RateLimit(100.0, lambda: now[0], sleep)
    for _ in range(11):
        limit.wait(50)
    assert now[0] == pytest.approx(5.0)


def test_a_server_that_is_missing_skips_its_tests_and_fails_them_where_it_is_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AISLE_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such server"):
        servers.missing("no such server")
    monkeypatch.setenv("AISLE_SERVERS", "required")
    with pytest.raises(pytest.fail.Exception, match="required, but no such server"):
        servers.missing("no such server")
