"""A catalogue in one large file, and a dump in another, are read in parts: nothing else differs."""

from __future__ import annotations

from pathlib import Path

import pytest
from chain import Shop, answers, open_shop, predictions
from tiny_shop import OpenShop

from benchmarks.checksums import checksums
from configs.loading import load_settings
from configs.settings import Settings
from pipelines import cut_files
from pipelines.category_files import find_category_files, parts_of

ROWS = 4000
SETS = ("source.max_record_bytes=200", "dump.max_record_bytes=200")


def write_table(path: Path, rows: int = ROWS) -> Path:
    """Write ids, categories and titles, some over two lines, some twice, some wrongly quoted."""
    lines = ["sku,category,title"]
    for row in range(rows):
        number, kind = row % (rows - 200), ("watches", "towels", "toys")[row % 3]
        title = f"Acme {kind} no {number}, of {row % 17} parts"
        break_ = "\n" if number % 11 == 0 else " "
        stray = "" if row % 97 else "x"
        lines.append(f'{row},shop > {kind},"{title}{break_}in a ""box"""{stray}')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut_files, "PART_BYTES", 16_000)


@pytest.fixture
def shop(tmp_path: Path, tiny_settings: Settings) -> Shop:
    """Give a shop whose titles and categories are columns of a table."""
    found = tiny_settings.model_dump(mode="json")
    found["source"] |= {"columns": {"title": ["title"]}}
    found["categories"] = {"source": "columns", "columns": ["category"], "separator": " > "}
    found["categories"]["levels"] = {"main": {"part": 1}}
    return open_shop(tmp_path / "shop", Settings(**found))


def test_a_catalogue_of_one_file(
    tmp_path: Path, shop: Shop, request: pytest.FixtureRequest
) -> None:
    table = write_table(tmp_path / "in" / "all.csv")
    whole = shop("preprocess", "--input", table.parent, run_id="whole", sets=SETS)
    request.getfixturevalue("in_small_parts")
    settings = load_settings(shop.config, SETS)
    files = find_category_files(str(table.parent), settings)[0]
    assert len(parts_of(files[0], settings.source)) > 10
    parts = shop("preprocess", "--input", table.parent, run_id="parts", sets=SETS)
    assert (whole.status, parts.status) == (0, 0), parts.err
    counted = ("records", "rejected", "duplicates", "examples", "titles")
    assert all(whole.figures[name] == parts.figures[name] for name in counted)
    assert whole.figures["rejected"] > ROWS // 100
    assert checksums(shop.at("parts")) == checksums(shop.at("whole"))


def test_a_dump_of_one_file(
    tmp_path: Path, trained_shop: OpenShop, request: pytest.FixtureRequest
) -> None:
    shop, dump = trained_shop("large-dump"), write_table(tmp_path / "dump.csv", 1500)
    sets = (*SETS, "dump.id=sku", "dump.title=title")
    whole = shop("predict", "--dump", dump, "--dump-id", "whole", sets=sets)
    request.getfixturevalue("in_small_parts")
    parts = shop("predict", "--dump", dump, "--dump-id", "parts", sets=sets)
    assert (whole.status, parts.status) == (0, 0), parts.err
    assert whole.figures["rejected"] == parts.figures["rejected"] > 10
    found, expected = (predictions(shop.at(), name) for name in ("parts", "whole"))
    assert answers(found).equals(answers(expected))
    assert found.num_rows > 1000
