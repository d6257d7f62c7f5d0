"""The comparison sets side by side what was measured alike, the baselines among it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from made_up_scores import document, measured, measured_labels

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from trainer.comparison import compare, cost_per_million, render_comparison, write_comparison

PRICE = 0.1


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    good, bad = measured(right=0.9), measured(right=0.6)
    return [document(bad, "bad", speed=200_000), document(good, "good", run_id="sunday")]


@pytest.fixture(scope="module")
def comparison(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return compare(documents, PRICE)


def test_models_and_baselines_stand_in_one_table_the_best_first(comparison: Any) -> None:
    (group,) = comparison["groups"]
    assert [(row["model"], row["kind"]) for row in group["rows"]] == [
        ("good", "model"),
        ("bad", "model"),
        ("linear model", "baseline"),
        ("majority class", "baseline"),
    ]
    assert group["rows"][0]["accuracy"] > 0.85
    assert group["rows"][2]["fit_seconds"] == 3.0
    assert group["rows"][3]["macro_f1"] is None


def test_a_baseline_that_saw_other_columns_is_another() -> None:
    """What learns nothing saw none."""
    linear = {"majority class": {"accuracy": 0.2}, "linear": {"accuracy": 0.5, "buckets": 8}}
    seeing = {**linear, "linear": {"accuracy": 0.7, "buckets": 8}}
    documents = [
        document(measured(), "blind", baselines=linear),
        document(measured(), "seeing", baselines=seeing, columns=["maker", "price"]),
    ]
    comparison = compare(documents, PRICE)
    rows = comparison["groups"][0]["rows"]
    assert [(r["model"], r["accuracy"], r["columns"]) for r in rows if r["kind"] == "baseline"] == [
        ("linear", 0.7, ["maker", "price"]),
        ("linear", 0.5, []),
        ("majority class", 0.2, []),
    ]
    assert render_comparison(comparison).count("sees maker, price too") == 2


def test_a_row_has_size_time_speed_and_cost(comparison: Any) -> None:
    good = comparison["groups"][0]["rows"][0]
    assert (good["parameters"], good["fit_seconds"]) == (12_345, 12.5)
    assert good["titles_per_second"] == 50_000
    # a million titles take 20 s of two cores
    assert good["cost_per_million"] == pytest.approx(20 * 2 / 3600 * PRICE)
    assert cost_per_million(100, 1, 36.0) == pytest.approx(100.0)


def test_what_was_not_measured_on_the_same_titles_stands_apart(documents: Any) -> None:
    other = document(measured(), "other", fingerprints={"transform_fingerprint": "ffff"})
    labels = document(measured_labels()[0], "labels")
    full = document(measured(), "full", level="full")
    groups = compare([*documents, other, labels, full], PRICE)["groups"]
    models = [[r["model"] for r in group["rows"] if r["kind"] == "model"] for group in groups]
    assert models == [["good", "bad"], ["other"], ["labels"], ["full"]]
    assert groups[2]["main"] == "micro_f1"
    assert {"lrap", "precision_at_1", "bce"} < set(groups[2]["figures"])


def test_the_page_says_what_the_json_says(comparison: Any) -> None:
    html = render_comparison(comparison)
    good, bad, *_ = comparison["groups"][0]["rows"]
    for row in (good, bad):
        for key in ("accuracy", "macro_f1", "auc"):
            assert f"{100 * row[key]:.2f}" in html
    assert "good has the highest accuracy" in html
    assert "labels 4.0 times as many titles a second" in html
    assert f"<b>{100 * good['accuracy']:.2f}</b>" in html
    assert json.loads(json.dumps(comparison, allow_nan=False)) == comparison


def test_a_baseline_that_is_better_does_not_make_the_verdict_contradict_itself() -> None:
    def verdict(linear: float) -> str:
        one = document(measured(right=0.9), "ours", baselines={"linear": {"accuracy": linear}})
        return re.findall(r'class="verdict">([^<]*)<', render_comparison(compare([one], PRICE)))[0]

    ours = document(measured(right=0.9), "ours")["accuracy"]
    assert "of the models, " not in verdict(ours - 0.1)
    assert "; 10.0 points above the baseline linear" in verdict(ours - 0.1)
    assert f"{ours:.1%} of the models; the baseline linear has 5.0 points more" in verdict(
        ours + 0.05
    )
    assert ", as the baseline linear has" in verdict(ours)


def test_what_is_all_right_may_still_be_chance() -> None:
    """And no axis goes beyond 100%."""
    perfect = document(measured(right=1.0), "perfect")
    perfect["accuracy"] = 1.0
    comparison = compare([perfect], PRICE)
    group = comparison["groups"][0]
    assert group["chance"] == 3 / group["examples"]
    html = render_comparison(comparison)
    assert "below 0.00 points" not in html
    assert ">100" in html
    assert not re.search(r">10[1-9](\.\d)?%<", html)


def test_the_page_asks_the_network_for_nothing_and_its_ids_are_unique(documents: Any) -> None:
    html = render_comparison(compare([*documents, document(measured(), "f", level="full")], PRICE))
    assert not re.search(r"https?://|@import|url\((?!#)|<(link|img|iframe)\b|\bsrc=", html)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids)) > 10


def test_names_from_data_are_text(documents: Any) -> None:
    attack = "<script>alert(1)</script>"
    html = render_comparison(compare([document(documents[0], attack)], PRICE))
    assert html.count("<script>") == 1


def test_many_shelves_are_behind_a_line() -> None:
    html = render_comparison(compare([document(measured(523, 3000), "wide")], PRICE))
    shown, collapsed = html.split("<details>")
    assert shown.count("shelf_<wbr>") == 25
    assert collapsed.count("shelf_<wbr>") == 523


@pytest.fixture
def runs(tmp_path: Path, documents: list[dict[str, Any]]) -> list[RunArtifacts]:
    """Two runs whose evaluations are finished, of one model each, on disk."""
    found = []
    for one in documents:
        run = RunArtifacts(str(tmp_path), one["context"]["run_id"])
        folder = Path(run.evaluation(one["context"]["model"]))
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(one))
        manifest = {"stage": "evaluate", "input_fingerprint": "", "config_fingerprint": ""}
        (folder / "COMPLETED").write_text(json.dumps({**manifest, "code_version": "1"}))
        found.append(run)
    return found


def test_the_models_of_several_runs_are_compared(runs: list[RunArtifacts]) -> None:
    figures = write_comparison(runs, [], runs[0].report, PRICE)
    assert list(figures["accuracy"]) == ["good", "bad", "linear model", "majority class"]
    folder = Path(runs[0].report)
    assert json.loads((folder / "report.json").read_text())["price_per_core_hour"] == PRICE
    assert "run sunday" in (folder / "report.html").read_text()
    only = write_comparison(runs, ["good"], runs[0].report, PRICE)
    assert [row["model"] for row in only["compared"] if row["kind"] == "model"] == ["good"]


def test_what_was_not_evaluated_is_named(tmp_path: Path, runs: list[RunArtifacts]) -> None:
    with pytest.raises(UsageError, match=r"evaluation/none is not there; run `aisle evaluate --mo"):
        write_comparison(runs, ["good", "none"], str(tmp_path), PRICE)
    with pytest.raises(UsageError, match="runs/never/evaluation: no model was evaluated"):
        write_comparison([*runs, RunArtifacts(str(tmp_path), "never")], [], str(tmp_path), PRICE)
    path = Path(runs[0].evaluation("bad"), "metrics.json")
    path.write_text(json.dumps({"accuracy": 0.5, "context": {}}))
    with pytest.raises(UsageError, match=r"did not time models.*--model bad --force"):
        write_comparison(runs, [], str(tmp_path), PRICE)
    Path(runs[0].evaluation("bad"), "COMPLETED").unlink()
    with pytest.raises(UsageError, match="bad is not finished"):
        write_comparison(runs, [], str(tmp_path), PRICE)
