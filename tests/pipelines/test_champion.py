"""The champion moves at once, forth and back, and only to what is finished."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from configs.artifacts import COMPLETED, PrefixArtifacts, RunArtifacts
from configs.errors import UsageError
from pipelines.champion import promote, read_reign, require_champion, rollback

MANIFEST = {
    "stage": "s",
    "input_fingerprint": "i",
    "config_fingerprint": "c",
    "code_version": "v",
}


def finish(prefix: Path, run_id: str, model: str = "bag") -> None:
    """Leave what a trained and evaluated model leaves: two finished folders."""
    at = RunArtifacts(str(prefix), run_id)
    for folder in (at.exports(model), at.evaluation(model)):
        Path(folder).mkdir(parents=True)
        Path(folder, COMPLETED).write_text(json.dumps(MANIFEST))


def test_promoted_is_champion_and_rolled_back_is_the_one_before(tmp_path: Path) -> None:
    for run_id in ("monday", "tuesday", "friday"):
        finish(tmp_path, run_id)
        assert promote(str(tmp_path), run_id, "bag")["changed"]
    assert require_champion(str(tmp_path)).run_id == "friday"
    assert rollback(str(tmp_path))["run_id"] == "tuesday"
    assert rollback(str(tmp_path))["run_id"] == "monday"
    with pytest.raises(UsageError, match="no champion before this one"):
        rollback(str(tmp_path))
    assert require_champion(str(tmp_path)).run_id == "monday"


def test_promoting_the_champion_again_changes_no_byte(tmp_path: Path) -> None:
    finish(tmp_path, "monday")
    promote(str(tmp_path), "monday", "bag")
    file = Path(PrefixArtifacts(str(tmp_path)).champion)
    before = file.read_bytes()
    assert not promote(str(tmp_path), "monday", "bag")["changed"]
    assert file.read_bytes() == before


def test_only_an_evaluated_export_is_promoted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there; run `aisle train` first"):
        promote(str(tmp_path), "monday", "bag")
    assert not Path(PrefixArtifacts(str(tmp_path)).champion).exists()


def test_without_a_champion_or_its_export_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model was promoted yet; run `aisle promote`"):
        require_champion(str(tmp_path))
    finish(tmp_path, "monday")
    promote(str(tmp_path), "monday", "bag")
    export = Path(RunArtifacts(str(tmp_path), "monday").exports("bag"))
    export.rename(tmp_path / "aside")
    with pytest.raises(UsageError, match="the champion's export is not there"):
        require_champion(str(tmp_path))


@pytest.mark.parametrize("held", [b"", b"[]", b"{}", b'{"champion": {"x": 1}, "history": []}'])
def test_a_file_that_aisle_did_not_write_is_refused(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "champion.json").write_bytes(held)
    with pytest.raises(UsageError, match=r"not a champion\.json of Aisle"):
        read_reign(str(tmp_path))


def test_many_promotions_at_once_leave_each_in_the_history(tmp_path: Path) -> None:
    names = [f"run{number}" for number in range(8)]
    for name in names:
        finish(tmp_path, name)
    threads = [threading.Thread(target=promote, args=(str(tmp_path), n, "bag")) for n in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reign = read_reign(str(tmp_path))
    assert reign.champion
    assert sorted([*(c.run_id for c in reign.history), reign.champion.run_id]) == names
