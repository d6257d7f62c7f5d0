"""The report shows the metrics it was given, stands alone, and takes text from data as text."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import pytest
from made_up_scores import measured

from trainer.plots import KEPT_CLASSES, compact, confusion_view, shorten
from trainer.report import render_report, verdict

ATTACK = "<script>alert(1)</script>"
CONTEXT: dict[str, Any] = {
    "name": "toys",
    "level": "main",
    "run_id": "nightly-7",
    "model": "bag_of_ngrams",
    "created": "2026-11-03T02:14:00+00:00",
    "counts": {"records": 2_931_345, "rejected": 3_211},
    "baselines": {"majority_class": {"accuracy": 0.171}, "linear": {"accuracy": 0.345}},
    "history": [
        {"epoch": 1, "loss": 1.25, "accuracy": 0.5, "val_loss": 1.5, "val_accuracy": None},
        {"epoch": 2, "loss": 0.75, "accuracy": 0.625, "val_loss": 1.0, "val_accuracy": 0.6},
    ],
    "fingerprints": {"config": "a1b2c3d4"},
    "seconds": {"train": 28.5},
}
VOID = {"meta", "br", "wbr", "link", "img", "input"}


class Page(HTMLParser):
    """What a browser makes of a page: tags with attributes, text outside of style and script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" in self.open or "script" in self.open:
            return
        self.words += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@pytest.fixture(scope="module")
def metrics() -> Any:
    return measured()


@pytest.fixture(scope="module")
def html(metrics: Any) -> str:
    return render_report(metrics, CONTEXT)


def confused(metrics: Any, title: str) -> dict[str, Any]:
    worst = metrics["top_confusions"][0]
    return {
        **CONTEXT,
        "examples": [{**worst, "true": [worst["true"]], "title": title, "probability": 0.91}],
    }


def test_the_tiles_show_the_metrics(metrics: Any, html: str) -> None:
    page = Page(html)
    tiles = {tag["data-key"]: tag["data-value"] for _, tag in page.tags if "data-key" in tag}
    assert {key: float(value) for key, value in tiles.items()} == {
        key: metrics[key]
        for key in ("accuracy", "top_3_accuracy", "macro_f1", "weighted_f1", "examples")
    } | {"expected_calibration_error": metrics["expected_calibration_error"]}
    for key in ("accuracy", "top_3_accuracy", "macro_f1", "weighted_f1"):
        assert f"{metrics[key]:.1%}" in page.words
    assert "4,000" in page.words


def test_every_class_has_a_row_with_its_figures(metrics: Any, html: str) -> None:
    page = Page(html)
    for row in metrics["per_class"]:
        scores = [
            f"{row[key]:.1%}" if row["support"] else "–"
            for key in ("precision", "recall", "auc", "f1")
        ]
        assert [row["name"], f"{row['support']:,}", *scores] in page.rows


def test_confusions_come_with_the_examples_of_the_same_two_classes(metrics: Any) -> None:
    page = Page(render_report(metrics, confused(metrics, "Wooden train")))
    worst, other = metrics["top_confusions"][:2]
    figures = [f"{worst['count']:,}", f"{worst['share']:.1%}", "Wooden train (91.0% sure)"]
    assert [worst["true"], worst["predicted"], *figures] in page.rows
    row = next(row for row in page.rows if row[:2] == [other["true"], other["predicted"]])
    assert row[4] == ""


def test_baselines_and_provenance_are_shown(metrics: Any, html: str) -> None:
    page = Page(html)
    for words in ("majority class", "17.1%", "linear", "34.5%", f"{metrics['accuracy']:.1%}"):
        assert words in page.words
    for row in (["run id", "nightly-7"], ["records", "2,931,345"], ["config", "a1b2c3d4"]):
        assert row in page.rows
    assert ["train, seconds", "28.5"] in page.rows


def test_the_verdict_counts_products_of_a_hundred() -> None:
    metrics = {"objective": "exclusive", "accuracy": 0.881, "classes": 17}
    metrics |= {"top_k": 3, "top_3_accuracy": 0.9996}
    assert verdict(metrics, {}) == (
        "Of 100 new products, 88 land on the right shelf; "
        "for 99 the right shelf is among the first three."
    )
    assert verdict({**metrics, "classes": 3}, {"majority": 0.2, "linear_svm": 0.84}) == (
        "Of 100 new products, 88 land on the right shelf. "
        "The best simple method (linear svm) puts 84 on the right shelf."
    )


def test_a_model_that_a_baseline_beats_is_called_so(metrics: Any) -> None:
    page = Page(render_report(metrics, {"baselines": {"linear": {"accuracy": 0.99}}}))
    assert "puts 99 on the right shelf, more than this model." in page.words


def test_the_page_asks_the_network_for_nothing(html: str) -> None:
    page = Page(html)
    assert not re.search(r"https?://", html)
    assert not re.search(r"@import|url\((?!#)", html)
    assert not {"link", "img", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    assert not page.attributes("src")
    assert all(link.startswith("#") for link in page.attributes("xlink:href"))


def test_markup_in_data_is_shown_as_text() -> None:
    attacks = {where: f"<script>alert({where!r})</script>" for where in ("class", "name", "print")}
    metrics = measured(4, 400, [attacks["class"], 'b" onload="alert(1)', "c", "d"])
    context = confused(metrics, ATTACK)
    context |= {"name": attacks["name"], "fingerprints": {"x": attacks["print"]}}
    context |= {"baselines": {"<script>alert(5)</script>": {"accuracy": 0.5}}}
    html = render_report(metrics, context)
    page = Page(html)
    assert html.count("<script>") == 1  # our own
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not page.attributes("onload")
    for attack in (ATTACK, *attacks.values(), "<script>alert(5)</script>"):
        assert attack in page.words


def test_signs_of_formulas_in_names_stay_as_they_are() -> None:
    html = render_report(measured(4, 400, ["$5_and under$", r"\frac{a}", "50%", "日本語"]), {})
    words = Page(html).words
    for name in ("$5_and under$", r"\frac{a}", "50%", "日本語"):
        assert words.count(name) >= 3  # two axes of the matrix and the table


@pytest.mark.parametrize("classes", [5, 60])
def test_ids_are_unique_and_every_reference_is_met(classes: int) -> None:
    html = render_report(measured(classes), CONTEXT)
    page = Page(html)
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'(?:url\(|href=")#([^")]+)', html))
    assert wanted
    assert wanted <= set(ids)


def test_the_same_input_gives_the_same_page_in_another_process(metrics: Any, html: str) -> None:
    code = (
        "import json, sys; from trainer.report import render_report; "
        "sys.stdout.buffer.write(render_report(*json.load(sys.stdin)).encode())"
    )
    given = json.dumps([metrics, CONTEXT]).encode()
    again = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True)
    assert again.stdout.decode() == html, again.stderr.decode()


def test_neither_pyplot_nor_a_learning_framework_is_loaded() -> None:
    code = (
        "import sys, trainer.metrics, trainer.report; "
        "print({'matplotlib.pyplot', 'tensorflow', 'keras', 'apache_beam'} & {*sys.modules})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout == "set()\n", found.stderr


def test_every_key_of_the_context_may_be_missing(metrics: Any) -> None:
    page = Page(render_report(metrics, {}))
    assert "Beside simple methods" not in page.words
    assert "How it learnt" not in page.words
    assert "Where these figures come from" in Page(render_report(metrics, {"level": "main"})).words


def test_one_epoch_is_a_sentence_and_no_curve(metrics: Any) -> None:
    page = Page(render_report(metrics, {**CONTEXT, "history": CONTEXT["history"][:1]}))
    assert "loss 1.250, accuracy 50.0%, validation loss 1.500" in " ".join(page.words.split())
    assert len([tag for tag, _ in page.tags if tag == "svg"]) == 6


@pytest.mark.parametrize(("classes", "examples"), [(1, 1), (2, 3), (3, 50), (523, 3000)])
def test_any_number_of_classes_has_a_report(classes: int, examples: int) -> None:
    page = Page(render_report(measured(classes, examples), CONTEXT))
    assert len([row for row in page.rows if row[0].startswith("shelf_")]) >= classes


def test_a_faultless_model_has_no_confusions() -> None:
    page = Page(render_report(measured(50, 60, right=1.0), {}))
    assert "None: every title landed on its shelf." in page.words
    assert "Of 100 new products, 100 land on the right shelf; for 100" in page.words


def test_many_classes_are_drawn_by_their_largest_confusions() -> None:
    triplets = [[7, 7, 900], [7, 90, 50], [3, 4, 40], *([n, n - 1, 1] for n in range(20, 90))]
    drawn = confusion_view(triplets, 100)
    assert len(drawn) == KEPT_CLASSES
    assert {7, 90, 3, 4} < set(drawn)
    assert drawn == sorted(drawn)
    assert confusion_view(triplets, 40) == list(range(40))


def test_long_names_and_counts_are_cut_to_what_can_be_read() -> None:
    assert shorten("sports_recreation_camping_water-filtration", 20) == "sports_…r-filtration"
    assert shorten("short", 5) == "short"
    assert [compact(n) for n in (0, 999, 1000, 1234, 12_345, 999_600, 3_400_000)] == [
        "0", "999", "1k", "1.2k", "12k", "1M", "3.4M",
    ]  # fmt: skip
