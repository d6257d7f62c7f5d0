"""A dump is taken whole and once, and always lies in one place."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from configs.artifacts import PrefixArtifacts
from pipelines.inbox import archive, claim, dump_id, fingerprint, quarantine, quiet_files

LONG_AGO = 1000.0


@pytest.fixture
def at(tmp_path: Path) -> PrefixArtifacts:
    (tmp_path / "inbox").mkdir()
    return PrefixArtifacts(str(tmp_path))


def drop(at: PrefixArtifacts, name: str, content: str = "id,title\n1,watch\n") -> Path:
    path = Path(at.inbox, name)
    path.write_text(content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_taken_once_and_remembered_until_it_is_archived(at: PrefixArtifacts) -> None:
    drop(at, "new.csv")
    (taken,) = claim(at.inbox, 5, at)
    assert list(Path(at.inbox).iterdir()) == []
    assert claim(at.inbox, 5, at) == [taken]
    moved = archive(taken["dump"], taken["dump_id"], at)
    assert archive(taken["dump"], taken["dump_id"], at) == moved
    assert claim(at.inbox, 5, at) == []
    assert Path(moved).read_text() == "id,title\n1,watch\n"
    assert not Path(at.scoring(taken["dump_id"])).exists()


def test_the_same_dump_again_is_no_new_dump_and_another_content_is_one(at: PrefixArtifacts) -> None:
    drop(at, "new.csv")
    (first,) = claim(at.inbox, 5, at)
    drop(at, "new.csv")
    assert claim(at.inbox, 5, at) == [first]
    archive(first["dump"], first["dump_id"], at)
    drop(at, "new.csv")
    assert claim(at.inbox, 5, at) == []
    drop(at, "new.csv", "id,title\n1,towel\n")
    (other,) = claim(at.inbox, 5, at)
    assert other["dump_id"] != first["dump_id"]


def test_a_dump_on_its_way_stays(at: PrefixArtifacts) -> None:
    for name in ("a.csv.part", ".b.csv", "c.csv.tmp"):
        drop(at, name)
    fresh = drop(at, "fresh.csv")
    os.utime(fresh, (time.time(), time.time()))
    assert quiet_files(at.inbox, 60) == []
    assert [file.relative for file in quiet_files(at.inbox, 0)] == ["fresh.csv"]


def test_a_missing_inbox_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder; make it"):
        quiet_files(str(tmp_path / "none"), 1)


def test_quarantine_keeps_the_reason_and_holds_nothing_up(at: PrefixArtifacts) -> None:
    drop(at, "bad.csv", "x")
    drop(at, "good.csv")
    bad, good = claim(at.inbox, 5, at)
    moved = quarantine(bad["dump"], bad["dump_id"], "no column title", at)
    assert quarantine(bad["dump"], bad["dump_id"], "no column title", at) == moved
    assert "no column title" in Path(moved).with_name("reason.json").read_text()
    assert claim(at.inbox, 5, at) == [good]
    drop(at, "bad.csv", "x")
    again = next(dump for dump in claim(at.inbox, 5, at) if dump["dump_id"] == bad["dump_id"])
    assert (bad["run"], again["run"]) == (f"dump__{bad['dump_id']}", f"dump__{bad['dump_id']}__2")
    moved = quarantine(again["dump"], again["dump_id"], "still none", at)
    assert "still none" in Path(moved).with_name("reason-2.json").read_text()


@pytest.mark.parametrize("name", ["a b(c).csv", "..csv", "Ünï.csv", "x" * 250 + ".csv", "_=.csv"])
def test_any_file_name_makes_a_dump_id(at: PrefixArtifacts, name: str) -> None:
    assert at.scoring(dump_id(name, "0123456789"))


def test_the_fingerprint_is_of_the_content_alone(at: PrefixArtifacts) -> None:
    same = {fingerprint(str(drop(at, name))) for name in ("a.csv", "b.csv")}
    assert len(same) == 1
    assert fingerprint(str(drop(at, "c.csv", "other"))) not in same
