"""A stage is finished when its manifest says so: published last, refused otherwise."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from aisle import __version__
from configs.errors import UsageError
from pipelines import stage, storage
from pipelines.stage import Manifest, Outcome, read_manifest, require_manifest, run_stage


class Shop:
    """A prefix in which one stage publishes the folders `out` and `stats`."""

    def __init__(self, root: Path) -> None:
        self.out, self.stats, self.work = root / "run/out", root / "run/stats", root / "run/.work"
        self.bodies_run = 0

    def run(self, body: Callable[[str], Mapping[str, Any]] | None = None, **other: Any) -> Outcome:
        chosen: dict[str, Any] = {"input_fingerprint": "i" * 32, "config_fingerprint": "c" * 16}
        return run_stage(
            "preprocess",
            body or self.write,
            folders={"out": str(self.out), "stats": str(self.stats)},
            work=str(self.work),
            **{**chosen, **other},
        )

    def write(self, work: str) -> dict[str, int]:
        self.bodies_run += 1
        assert os.listdir(f"{work}/out") == os.listdir(f"{work}/stats") == []
        Path(f"{work}/out/a.txt").write_text(f"made by body {self.bodies_run}")
        Path(f"{work}/stats/counts.json").write_text("{}")
        return {"records": 3}

    def made(self) -> str:
        return (self.out / "a.txt").read_text()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def raises(error: Exception) -> Callable[[str], dict[str, int]]:
    def body(work: str) -> dict[str, int]:
        Path(f"{work}/out/half.txt").write_text("half")
        raise error

    return body


def test_a_finished_stage_has_published_its_folders_and_its_manifest(shop: Shop) -> None:
    outcome = shop.run()
    assert not outcome.skipped
    assert sorted(os.listdir(shop.out)) == ["COMPLETED", "a.txt"]
    assert os.listdir(shop.stats) == ["counts.json"]
    found = read_manifest(str(shop.out))
    assert found == outcome.manifest
    assert (found.stage, found.figures) == ("preprocess", {"records": 3})
    assert (found.input_fingerprint, found.config_fingerprint) == ("i" * 32, "c" * 16)
    assert found.code_version == __version__
    assert found.peak_rss > 1 << 20
    assert os.listdir(shop.work) == ["preprocess.lock"]


def test_the_manifest_is_written_after_all_folders_are_published(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    move, write = storage.move_tree, storage.write_bytes
    monkeypatch.setattr(
        storage, "move_tree", lambda source, to: (order.append(Path(to).name), move(source, to))
    )
    monkeypatch.setattr(
        storage, "write_bytes", lambda path, b: (order.append(Path(path).name), write(path, b))
    )
    shop.run()
    assert order == ["out", "stats", "COMPLETED"]


def test_a_finished_stage_with_the_same_input_and_config_does_nothing(shop: Shop) -> None:
    first = shop.run()
    again = shop.run()
    assert (again.skipped, again.manifest, shop.bodies_run) == (True, first.manifest, 1)


@pytest.mark.parametrize("what", ["input", "config"])
def test_a_folder_made_from_something_else_is_refused_and_left_as_it_is(
    shop: Shop, what: str
) -> None:
    shop.run()
    with pytest.raises(UsageError, match=f"was made from another {what}.*--force") as refused:
        shop.run(**{f"{what}_fingerprint": "other"})
    assert len(str(refused.value).splitlines()) == 1
    assert (shop.made(), shop.bodies_run) == ("made by body 1", 1)


@pytest.mark.parametrize("fingerprint", ["i" * 32, "other"])
def test_force_makes_a_stage_anew(shop: Shop, fingerprint: str) -> None:
    shop.run()
    assert not shop.run(input_fingerprint=fingerprint, force=True).skipped
    assert shop.made() == "made by body 2"
    assert read_manifest(str(shop.out)).input_fingerprint == fingerprint


def test_a_body_that_fails_publishes_nothing_and_a_rerun_begins_anew(shop: Shop) -> None:
    with pytest.raises(ZeroDivisionError):
        shop.run(raises(ZeroDivisionError()))
    assert not shop.out.exists()
    assert not shop.run().skipped
    assert sorted(os.listdir(shop.out)) == ["COMPLETED", "a.txt"]


def test_a_forced_stage_that_fails_leaves_what_was_finished_before(shop: Shop) -> None:
    before = shop.run().manifest
    with pytest.raises(ZeroDivisionError):
        shop.run(raises(ZeroDivisionError()), input_fingerprint="other", force=True)
    assert read_manifest(str(shop.out)) == before
    assert sorted(os.listdir(shop.out)) == ["COMPLETED", "a.txt"]
    assert shop.run().skipped
    with pytest.raises(UsageError, match="another input"):
        shop.run(input_fingerprint="other")


@pytest.mark.parametrize("killed_before", ["out", "stats", "COMPLETED"])
def test_a_stage_that_stopped_while_publishing_is_unfinished_and_made_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, killed_before: str
) -> None:
    move, write = storage.move_tree, storage.write_bytes

    def stop(path: str, then: Callable[[], None]) -> None:
        if Path(path).name == killed_before:
            raise KeyboardInterrupt
        then()

    with monkeypatch.context() as patched:
        patched.setattr(storage, "move_tree", lambda a, b: stop(b, lambda: move(a, b)))
        patched.setattr(storage, "write_bytes", lambda a, b: stop(a, lambda: write(a, b)))
        with pytest.raises(KeyboardInterrupt):
            shop.run()
    with pytest.raises(UsageError, match="run `aisle preprocess` first"):
        require_manifest(str(shop.out), "preprocess")
    assert not shop.run().skipped
    assert shop.made() == "made by body 2"
    assert os.listdir(shop.work) == ["preprocess.lock"]


def test_what_is_missing_and_what_is_unfinished_are_told_apart(shop: Shop) -> None:
    with pytest.raises(UsageError, match="is not there; run `aisle preprocess` first"):
        require_manifest(str(shop.out), "preprocess")
    shop.out.mkdir(parents=True)
    with pytest.raises(UsageError, match="is not finished; run `aisle preprocess` first"):
        require_manifest(str(shop.out), "preprocess")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"other": 1}', "7"])
def test_a_manifest_of_something_else_is_refused(shop: Shop, content: str) -> None:
    shop.out.mkdir(parents=True)
    (shop.out / "COMPLETED").write_text(content)
    with pytest.raises(UsageError, match="not a manifest of Aisle"):
        read_manifest(str(shop.out))


def test_two_processes_do_not_run_one_stage_at_once(shop: Shop) -> None:
    shop.work.mkdir(parents=True)
    with open(shop.work / "preprocess.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another process is running preprocess"):
            shop.run()
    assert shop.bodies_run == 0
    assert not shop.run().skipped


def test_what_another_process_finished_meanwhile_is_not_made_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_one = stage._only_one

    def after_another(*place: str) -> contextlib.AbstractContextManager[None]:
        monkeypatch.setattr(stage, "_only_one", only_one)
        shop.run()
        return only_one(*place)

    monkeypatch.setattr(stage, "_only_one", after_another)
    assert shop.run().skipped
    assert shop.bodies_run == 1


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("OSError: [Errno 28] No space left on device [while running 'Write']"),
    ],
    ids=["system", "wrapped"],
)
def test_a_full_disk_is_one_line_and_nothing_is_published(shop: Shop, error: Exception) -> None:
    with pytest.raises(UsageError, match="No space left on device; free some space") as refused:
        shop.run(raises(error))
    assert len(str(refused.value).splitlines()) == 1
    assert not shop.out.exists()
    assert not shop.run().skipped


def test_another_error_comes_through_as_it_is(shop: Shop) -> None:
    with pytest.raises(PermissionError):
        shop.run(raises(PermissionError(errno.EACCES, "no")))


def test_a_manifest_names_what_was_made_and_not_how_long_it_took() -> None:
    one = Manifest("train", "i" * 32, "c", "1.0", {"a": 1}, 1.0, 1)
    slow = Manifest("train", "i" * 32, "c", "1.0", {"a": 1}, 9.0, 9)
    other = Manifest("train", "i" * 32, "d", "1.0", {"a": 1}, 1.0, 1)
    assert one.fingerprint == slow.fingerprint != other.fingerprint


def test_the_manifest_is_json_that_a_person_can_read(shop: Shop) -> None:
    shop.run()
    text = (shop.out / stage.COMPLETED).read_text()
    assert json.loads(text)["figures"] == {"records": 3}
    assert len(text.splitlines()) > 5
