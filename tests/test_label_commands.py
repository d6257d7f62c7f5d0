"""The label commands as they are typed: diff, gate, write, tell, undo; nothing tells a password."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
import yaml
from chain import Said, aisle, contents, one_line, open_shop, write_dump

from configs.settings import Settings

SECRET = servers.PASSWORD
INJECTION = "'; DROP TABLE labels; --"


class Office:
    """A prefix with predictions that were made by hand, and the options of every command."""

    def __init__(self, root: Path, **store: object) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        settings = Settings.model_validate({"name": "shop", "store": store})
        (root / "c.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))

    def predict(self, dump_id: str, labels: dict[str, tuple[str, float]]) -> None:
        import sys

        sys.path.insert(0, str(Path(__file__).parent / "pipelines"))
        from label_writes import predict, product

        rows = [product(name, label, share) for name, (label, share) in labels.items()]
        predict(self.root / "out" / "runs" / "r" / "predictions" / dump_id, rows)

    def __call__(self, command: str, *options: object) -> Said:
        own = ["--config", self.root / "c.yaml", "--prefix", self.root / "out", "--run-id", "r"]
        return aisle(command, *own, "--json", *options)


MONDAY = {f"p{n}": ("Pets", 0.9) for n in range(10)}
TUESDAY = MONDAY | {f"p{n}": ("Toys", 0.5 + n / 20) for n in range(4)} | {"new": ("Pets", 0.2)}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.predict("monday", MONDAY)
    office.predict("tuesday", TUESDAY)
    assert office("write-labels", "--dump-id", "monday").status == 0
    return office


def test_a_diff_tells_what_would_change_and_changes_nothing(office: Office) -> None:
    before = office("labels", "--product", "p0").figures["changes"]
    said = office("diff", "--dump-id", "tuesday")
    counts = {"inserted": 1, "changed": 4, "unchanged": 6, "kept": 0, "held": 0}
    assert said.figures["counts"] == counts
    told = json.loads(Path(said.figures["json"]).read_text())
    move = {"verdict": "changed", "old": "Pets", "new": "Toys", "count": 4}
    assert told["moves"][0] == move | {"examples": ["p0", "p1", "p2"]}
    assert sum(told["by_probability"]["changed"]) == told["moved"] == 4
    page = Path(said.figures["report"]).read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "Toys" in page
    assert "another label (4 of them)" in page
    assert office("labels", "--product", "p0").figures["changes"] == before
    (office.root / "file").write_bytes(b"")
    shut = office("diff", "--dump-id", "tuesday", "--output", office.root / "file" / "deeper")
    one_line(shut, "cannot be written", "--output")


def test_a_gate_refuses_a_write_that_changes_too_much(office: Office) -> None:
    gate = ["--set", "store.gate.max_changed_share=0.3"]
    for command in ("gate", "write-labels"):
        one_line(office(command, "--dump-id", "tuesday", *gate), "4 of 10 known", "at most")
    assert office("labels", "--product", "p0").figures["label"]["label"] == "Pets"
    wider = ["--set", "store.gate.max_changed_share=0.4"]
    assert office("gate", "--dump-id", "tuesday", *wider).status == 0
    assert office("write-labels", "--dump-id", "tuesday", *wider).figures["changed"] == 4


def test_a_gate_counts_other_labels_not_other_probabilities(office: Office) -> None:
    office.predict("wednesday", {name: (label, 0.8) for name, (label, _) in MONDAY.items()})
    gate = ["--dump-id", "wednesday", "--set", "store.gate.max_changed_share=0"]
    assert office("gate", *gate).status == 0
    assert office("write-labels", *gate).figures["changed"] == 10


def test_a_gate_holds_back_what_is_unsure_or_untouchable(office: Office) -> None:
    gate = ["--set", "store.gate.min_probability={Pe*: 0.3, Toys: 0.52}"]
    figures = office("write-labels", "--dump-id", "tuesday", *gate).figures
    assert (figures["inserted"], figures["changed"], figures["held"]) == (0, 3, 2)
    untouchable = ["--set", "store.gate.untouchable=[Pets]", "--force"]
    assert office("write-labels", "--dump-id", "tuesday", *untouchable).figures["changed"] == 0


def test_a_story_an_undo_and_a_person(office: Office) -> None:
    write_id = office("write-labels", "--dump-id", "tuesday").figures["write_id"]
    one_line(office("labels", "--product", "p1", "--label", "Games"), "--person")
    office("labels", "--product", "p1", "--label", "Games", "--person", "ann")
    figures = office("undo", "--write", write_id).figures
    assert (figures["put_back"], figures["removed"], figures["left_as_newer"]) == (3, 1, 1)
    story = office("labels", "--product", "p0").figures
    assert [change["new_label"] for change in story["changes"]] == ["Pets", "Toys", "Pets"]
    assert office("write-labels", "--dump-id", "tuesday").figures["kept"] == 1
    assert office("labels", "--product", "p1").figures["label"]["source"] == "person"
    again = office("write-labels", "--dump-id", "tuesday").figures
    assert again["done_before"]
    assert again["unchanged"] + again["kept"] == 11
    wins = ["--force", "--set", "store.overwrite_persons=true"]
    assert office("write-labels", "--dump-id", "tuesday", *wins).figures["changed"] == 1
    one_line(office("undo", "--write", "none"), "knows no write")
    one_line(office("labels", "--product", "none"), "knows no product")
    assert office("dead-letters").figures["dead_letters"] == 0


def test_a_label_that_no_product_has_is_set_with_a_line_that_names_those_like_it(
    office: Office, tmp_path: Path
) -> None:
    def set_it(label: str, office: Office = office) -> str:
        said = office("labels", "--product", "p1", "--label", label, "--person", "ann")
        assert (said.status, said.figures["label"]["label"]) == (0, label)
        return said.err

    assert set_it("Pets") == ""
    (line,) = set_it("Pest").splitlines()
    assert line.startswith("aisle labels: 'Pest' is set, but no other product has this label")
    assert "(like it are 'Pets')" in line
    assert office("undo", "--write", line.rpartition(" ")[2]).figures["put_back"] == 1
    (line,) = set_it("a\nnew shelf").splitlines()
    assert "'a\\nnew shelf' is set" in line
    assert "(none is like it)" in line
    assert set_it("a\nnew shelf") == ""
    assert set_it("Toys", Office(tmp_path / "empty")) == ""


def test_a_story_shows_every_change_the_oldest_first(office: Office, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    write_id = office("write-labels", "--dump-id", "tuesday").figures["write_id"]
    undo_id = office("undo", "--write", write_id).figures["write_id"]
    said = office("labels", "--product", "p0", "--label", "Games", "--person", "ann")
    changes = said.figures["changes"]
    shown = said.out.partition("changes")[2].partition("{")[0]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines()]
    rows = [row for row in rows if row]
    assert [row[1:4] for row in rows] == [
        ["–", "Pets", "model model-1"],
        ["Pets", "Toys", "model model-1"],
        ["Toys", "Pets", "undo"],
        ["Pets", "Games", "person ann"],
    ]
    assert [row[4] for row in rows] == [change["write_id"] for change in changes]
    assert [row[4] for row in rows][1:3] == [write_id, undo_id]
    assert [row[0].replace(" ", "T") for row in rows] == [c["changed_at"][:19] for c in changes]
    new = office("labels", "--product", "new").out
    assert "Pets │ –" in " ".join(new.split())


def test_a_sink_as_the_store_has_its_history_in_the_prefix(tmp_path: Path) -> None:
    """diff, labels and undo ask the history; the sink gets each change, and the way back."""
    office, out = Office(tmp_path, url=f"file://{tmp_path}/files"), tmp_path / "files"
    office.predict("monday", MONDAY)
    office.predict("tuesday", TUESDAY)
    figures = office("write-labels", "--dump-id", "monday").figures
    assert figures["store"] == f"sqlite:///{tmp_path}/out/labels.db"
    assert figures["sinks"] == {f"file://{out}": {"delivered": 10, "refused": 0}}
    assert office("diff", "--dump-id", "tuesday").figures["counts"]["changed"] == 4
    other = ["--store", f"file://{tmp_path}/other"]
    written = office("write-labels", "--dump-id", "tuesday", *other).figures
    assert list(written["sinks"].values()) == [{"delivered": 5, "refused": 0}]
    undone = office("undo", "--write", written["write_id"], *other).figures
    assert list(undone["sinks"].values()) == [{"delivered": 5, "refused": 0}]
    assert len(list(out.iterdir())) == 1
    assert len(list((tmp_path / "other").iterdir())) == 2
    assert office("labels", "--product", "p0").figures["label"]["label"] == "Pets"
    one_line(office("labels", "--product", "p0", "--store", "amqp://"), "names no host")


@pytest.mark.parametrize("name", ["q?x=1", "50%3Fa#b", "with space+&'ä", "a:b@c"])
def test_the_default_store_lies_in_a_prefix_of_any_name(tmp_path: Path, name: str) -> None:
    office = Office(tmp_path / name)
    office.predict("monday", MONDAY)
    figures = office("write-labels", "--dump-id", "monday").figures
    assert figures["inserted"] == 10
    assert (tmp_path / name / "out" / "labels.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    told = ["--store", figures["store"]]
    assert office("diff", "--dump-id", "monday", *told).figures["counts"]["unchanged"] == 10


@pytest.fixture
def server() -> Iterator[servers.Postgres]:
    with servers.reachable_folder() as folder:
        yield from servers.postgres(folder)


def test_nothing_that_a_run_leaves_behind_tells_a_password(
    tmp_path: Path,
    server: servers.Postgres,
    tiny_catalogue: Path,
    tiny_settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The whole chain into PostgreSQL and two sinks that are not there, then every command.

    Among the products are one whose id is SQL and one with a title of 10 MB.
    """
    caplog.set_level(logging.DEBUG)
    retry, port = {"first_seconds": 0.01, "give_up_seconds": 0.05}, servers.free_port()
    absent = (
        f"amqp://u:{SECRET}@127.0.0.1:{port}/",
        f"opensearch+http://u:{SECRET}@127.0.0.1:{port}",
    )
    store = {"url": server.url, "retry": retry}
    with_sinks = {**store, "sinks": [{"url": url, "retry": retry} for url in absent]}
    document = tiny_settings.model_dump(mode="json")
    document["dump"]["max_record_bytes"] = 16 << 20
    shop = open_shop(tmp_path, Settings.model_validate(document | {"store": with_sinks}))
    products = [("p1", "gold ring"), (INJECTION, "baby gate"), ("long", "ring " * (8 << 20 >> 2))]
    dump = write_dump(tmp_path / "dump.csv", products)
    said = [shop("run", "--input", tiny_catalogue, "--dump", dump, "--dump-id", "monday")]
    assert "expected a broker" in said[0].err
    shop = open_shop(tmp_path, Settings.model_validate(document | {"store": store}))
    for command in ("diff", "gate", "write-labels"):
        said.append(shop(command, "--dump-id", "monday"))
        assert said[-1].status == 0, said[-1].err
    assert said[3].figures["predictions"] == 3
    for product_id in (INJECTION, "long"):
        said.append(shop("labels", "--product", product_id))
        assert said[-1].figures["label"]["product_id"] == product_id
    said.append(shop("undo", "--write", said[3].figures["write_id"]))
    said.append(shop("dead-letters"))
    for sink in with_sinks["sinks"]:
        settings = document | {"store": {**store, "sinks": [sink]}}
        shop = open_shop(tmp_path, Settings.model_validate(settings))
        said.append(shop("write-labels", "--dump-id", "monday", "--force"))
        assert said[-1].status != 0
    server.stop()
    said.append(shop("write-labels", "--dump-id", "monday"))
    assert said[-1].status != 0
    shop.config.unlink()  # the one place that holds it
    for answer in said:
        assert SECRET not in answer.out + answer.err
    assert SECRET not in caplog.text
    assert len(contents(tmp_path)) > 20
    assert not [name for name, held in contents(tmp_path).items() if SECRET.encode() in held]
