"""A dump is looked at before it is labelled: whoever reads why it is not fit knows what to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.settings import Settings
from pipelines.check_dump import check_dump

BROKEN = b"1,gr\xf6\xdfe"


@pytest.mark.parametrize(
    ("rows", "max_rejected", "reason"),
    [
        ([BROKEN, b"2,"], 1.0, "none of 2 rows can be read (most often: no title)"),
        ([BROKEN, b"2,a"], 0.0, "1 of 2 rows cannot be read (most often: not valid in the"),
        ([], 1.0, "not one row"),
    ],
)
def test_a_dump_that_is_not_fit_says_why(
    tmp_path: Path, rows: list[bytes], max_rejected: float, reason: str
) -> None:
    (tmp_path / "d.csv").write_bytes(b"\n".join([b"id,title", *rows, b""]))
    document = {"name": "shop", "schedule": {"max_rejected": max_rejected}}
    found = check_dump(Settings.model_validate(document), str(tmp_path / "d.csv"), {})
    assert not found["fit"]
    assert reason in found["reason"]


def test_a_dump_with_some_rejects_is_fit_and_counts_them(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_bytes(b"\n".join([b"id,title", BROKEN, b"2,a", b"3,b", b""]))
    found = check_dump(Settings.model_validate({"name": "shop"}), str(tmp_path / "d.csv"), {})
    assert (found["fit"], found["reason"]) == (True, "")
    assert found["reasons"] == {"not valid in the declared encoding": 1}
