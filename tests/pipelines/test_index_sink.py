"""Partial updates in OpenSearch and Elasticsearch: by id, repeatable, refusals are kept."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import search_nodes
import servers
from label_writes import predict, product, sqlite_url, write
from opensearchpy import OpenSearch
from opensearchpy.exceptions import OpenSearchException
from relay import relay

from configs.errors import PassingFault
from configs.stores import StoreSettings
from pipelines.sinks.delivery import feed
from pipelines.sinks.doors import open_ledger
from pipelines.sinks.engine import parse_url
from pipelines.sinks.replay import dead_letters
from pipelines.sinks.story import undo

QUICK = {"first_seconds": 0.05, "longest_seconds": 0.5, "give_up_seconds": 300.0}


def sink(search: search_nodes.Search, index: str, **more: Any) -> dict[str, Any]:
    own = {"name": "index", "index": index, "batch_rows": 100, "retry": QUICK}
    return {"url": search.url, **own, **more}


def client(search: search_nodes.Search) -> OpenSearch:
    return OpenSearch(search.url.partition("+")[2])


def test_a_partial_update_leaves_the_rest_of_a_document(
    tmp_path: Path, search: search_nodes.Search
) -> None:
    index, url = client(search), sqlite_url(tmp_path / "labels.db")
    index.index(index="shop", body={"title": "bone", "aisle": {"new_label": "old"}}, id="p1")
    rows = [product(f"p{n}", "Pets") for n in range(250)]
    rows.append(product("x" * 600))  # an id has 512 bytes at most
    figures = write(predict(tmp_path / "1", rows), url, sinks=[sink(search, "shop")])
    assert figures["sinks"]["index"] == {"delivered": 250, "refused": 1}
    with open_ledger(parse_url(url), StoreSettings()) as ledger:
        (letter,) = dead_letters(ledger)
        assert "512" in letter["reason"]
    found = index.get(index="shop", id="p1")["_source"]
    assert (found["title"], found["aisle"]["new_label"]) == ("bone", "Pets")
    settings = StoreSettings.model_validate({"sinks": [sink(search, "shop")]})
    with open_ledger(parse_url(url), settings) as ledger:
        undone = undo(ledger, figures["write_id"])
        feed(ledger, settings.sinks, undone["write_id"])
    found = index.get(index="shop", id="p1")["_source"]
    assert (found["title"], found["aisle"]["new_label"]) == ("bone", None)
    index.indices.refresh(index="shop")
    assert index.count(index="shop")["count"] == 250


def test_conflicting_updates_of_the_same_documents_all_come_through(
    tmp_path: Path, search: search_nodes.Search
) -> None:
    folder = predict(tmp_path / "1", [product(f"p{n}", "Pets") for n in range(50)])
    results: list[dict[str, Any]] = []

    def run(number: int) -> None:
        url = sqlite_url(tmp_path / f"{number}.db")
        own = sink(search, "busy", batch_rows=50)
        results.append(write(folder, url, f"d{number}", sinks=[own])["sinks"]["index"])

    writers = [threading.Thread(target=run, args=[number]) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert results == [{"delivered": 50, "refused": 0}] * 4


def test_a_node_that_is_not_there_may_pass(tmp_path: Path) -> None:
    url = f"opensearch+http://u:s3cret@127.0.0.1:{servers.free_port()}"
    retry = {"first_seconds": 0.01, "give_up_seconds": 0.05}
    folder = predict(tmp_path / "1", [product("a")])
    with pytest.raises(PassingFault, match="start the node") as refusal:
        write(folder, sqlite_url(tmp_path / "x.db"), sinks=[{"url": url, "retry": retry}])
    assert "s3cret" not in str(refusal.value)


def test_a_node_that_is_stopped_in_the_middle_and_started_again(
    tmp_path: Path, search: search_nodes.Search
) -> None:
    url, index = sqlite_url(tmp_path / "labels.db"), client(search)
    folder = predict(tmp_path / "1", [product(f"p{n}", "Pets") for n in range(2000)])
    slow = sink(search, "restarted", rows_per_second=2000.0)
    results: list[dict[str, Any]] = []
    writer = threading.Thread(target=lambda: results.append(write(folder, url, sinks=[slow])))
    writer.start()
    servers.wait_until(lambda: _held(index, "restarted") >= 200, "documents arrive")
    search.stop()
    search.start()
    writer.join()
    assert results[0]["sinks"]["index"] == {"delivered": 2000, "refused": 0}
    assert _held(index, "restarted") == 2000


def _held(index: OpenSearch, name: str) -> int:
    """Count the documents; none where the index, or the node, is not there."""
    try:
        index.indices.refresh(index=name)
        return int(index.count(index=name)["count"])
    except OpenSearchException:
        return 0


def test_a_connection_that_is_cut_is_made_again(
    tmp_path: Path, search: search_nodes.Search
) -> None:
    folder = predict(tmp_path / "1", [product(f"p{n}", "Pets") for n in range(500)])
    with relay(search.port, cut_after=60_000) as wire:
        through = search.url.replace(str(search.port), str(wire.port))
        own = sink(search, "cut", batch_rows=50) | {"url": through}
        figures = write(folder, sqlite_url(tmp_path / "labels.db"), sinks=[own])
        assert wire.taken > 1
    assert figures["sinks"]["index"] == {"delivered": 500, "refused": 0}
    assert _held(client(search), "cut") == 500
