"""What the pages show of reading predictions elsewhere works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from label_writes import predict, product

PAGE = Path(__file__).parents[2] / "docs" / "labels.md"


def test_pandas_reads_the_parts_of_a_predictions_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    folder = tmp_path / "out/runs/monday/predictions/new-products"
    folder.parent.mkdir(parents=True)
    predict(folder, [product("b"), product("a")], [product("c")])
    assert (folder / "COMPLETED").exists()
    (folder / "rules.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    exec(block, found)
    assert found["labels"]["id"].tolist() == ["b", "a", "c"]  # type: ignore[index]
