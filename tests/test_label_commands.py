"""The label commands as they are typed: diff, gate, write, tell, undo; nothing tells a password."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
import yaml
from chain import Said, aisle, contents, one_line

from configs.settings import Settings

SECRET = servers.PASSWORD


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
        from test_write_labels import predict, product

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
    assert told["moves"][0] == move | {"examples": ["p0", "p2"]}
    assert sum(told["by_probability"]["changed"]) == 4
    page = Path(said.figures["report"]).read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "Toys" in page
    assert office("labels", "--product", "p0").figures["changes"] == before


def test_a_gate_refuses_a_write_that_changes_too_much(office: Office) -> None:
    gate = ["--set", "store.gate.max_changed_share=0.3"]
    for command in ("gate", "write-labels"):
        one_line(office(command, "--dump-id", "tuesday", *gate), "4 of 10 known", "at most")
    assert office("labels", "--product", "p0").figures["label"]["label"] == "Pets"
    wider = ["--set", "store.gate.max_changed_share=0.4"]
    assert office("gate", "--dump-id", "tuesday", *wider).status == 0
    assert office("write-labels", "--dump-id", "tuesday", *wider).figures["changed"] == 4


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


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Postgres]:
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="aisle-servers-"))
    folder.chmod(0o755)
    yield from servers.postgres(folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_nothing_that_a_run_leaves_behind_tells_a_password(
    tmp_path: Path, server: servers.Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    absent = f"amqp://u:{SECRET}@127.0.0.1:{servers.free_port()}/"
    retry = {"first_seconds": 0.01, "give_up_seconds": 0.05}
    office = Office(tmp_path, url=server.url, retry=retry)
    office.predict("monday", MONDAY)
    with_sink = Office(
        tmp_path, url=server.url, retry=retry, sinks=[{"url": absent, "retry": retry}]
    )
    said = [with_sink("write-labels", "--dump-id", "monday")]
    assert said[0].status != 0
    office = Office(tmp_path, url=server.url, retry=retry)
    for command in ("diff", "gate", "write-labels"):
        said.append(office(command, "--dump-id", "monday"))
        assert said[-1].status == 0, said[-1].err
    said.append(office("labels", "--product", "p1"))
    said.append(office("undo", "--write", said[3].figures["write_id"]))
    server.stop()
    said.append(office("write-labels", "--dump-id", "monday"))
    assert said[-1].status != 0
    (tmp_path / "c.yaml").unlink()  # the one place that holds it
    for answer in said:
        assert SECRET not in answer.out + answer.err
    assert SECRET not in caplog.text
    assert not [name for name, held in contents(tmp_path).items() if SECRET.encode() in held]
