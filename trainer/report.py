"""One page about a trained classifier, for the people who own the shelves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from trainer import plots
from trainer.figures import LEARNING, MAIN_FIGURE, SPOKEN, flat_figures, tiles_of
from trainer.pages import render_page, shown, spoken

SHOWN_CONFUSIONS, SHOWN_MISTAKES = 20, 15
EXAMPLES_PER_CONFUSION = 2
MOST_ROWS, LARGEST, WEAKEST, LEAST_TITLES = 40, 25, 15, 10
OURS = "this model"

_NUMBER_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def render_report(metrics: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    """Return the report as one HTML page; the same input gives the same page.

    metrics: what `trainer.measure` returned, or its JSON read back.
    context: all optional: `name` of the catalogue, `level`, `run_id`, `model`, `created`,
    `parameters`, `columns` that model and baselines saw beside the title, `counts` and
    `fingerprints` (name to value), `seconds` (stage to seconds), `speed` (see
    `trainer.scoring.labelling_speed`), `baselines` (name to figures, the objective's main figure
    among them), `history` (one dict per epoch), `separator` of the parts of a category, and
    `examples` (dicts of title, true: a list, predicted, probability).
    """
    main = MAIN_FIGURE[metrics["objective"]]
    beside = {name: of[main] for name, of in (context.get("baselines") or {}).items()}
    history = list(context.get("history") or [])
    examples = list(context.get("examples") or [])
    return render_page(
        "report.html.j2",
        metrics=metrics,
        several=metrics["objective"] == "rule_based",
        heading=_heading(context),
        verdict=verdict(metrics, beside),
        tiles=tiles_of(metrics, _in_words(metrics.get("top_k", 0))),
        pictures=_pictures(metrics, beside, history),
        calibration_note=_calibration_note(metrics),
        last_epoch=_last_epoch(history),
        confusions=_confusions(metrics, examples),
        mistakes=_mistakes(examples, context.get("separator")),
        **_shelves(metrics["per_class"]),
        figures=[(SPOKEN.get(k, spoken(k)), shown(v)) for k, v in flat_figures(metrics).items()],
        provenance=_provenance(context),
    )


def verdict(metrics: Mapping[str, Any], baselines: Mapping[str, float]) -> str:
    """Say in plain words how good the model is, and against what.

    `Of 100 new products, 88 land on the right shelf; for 96 the right shelf is among the first
    three. The best simple method (linear) puts 84 on the right shelf.`
    """
    if metrics["objective"] == "rule_based":
        return _verdict_on_labels(metrics, baselines)
    text = f"Of 100 new products, {_of_hundred(metrics['accuracy'])} land on the right shelf"
    top_k = metrics["top_k"]
    if 1 < top_k < metrics["classes"]:
        found = _of_hundred(metrics[f"top_{top_k}_accuracy"])
        text += f"; for {found} the right shelf is among the first {_in_words(top_k)}"
    if baselines:
        best = max(baselines, key=lambda name: baselines[name])
        found = _of_hundred(baselines[best])
        text += f". The best simple method ({spoken(best)}) puts {found} on the right shelf"
        text += ", more than this model" * (baselines[best] > metrics["accuracy"])
    return text + "."


def _verdict_on_labels(metrics: Mapping[str, Any], baselines: Mapping[str, float]) -> str:
    best = metrics["at"][-1]
    found, right = (_of_hundred(best[key]) for key in ("micro_recall", "micro_precision"))
    text = (
        f"Of 100 shelves that new products should stand on, {found} are found; of 100 that the "
        f"model names, {right} are right. Micro F1 is {best['micro_f1']:.1%}"
    )
    if baselines:
        name = max(baselines, key=lambda name: baselines[name])
        text += f"; the best simple method ({spoken(name)}) reaches {baselines[name]:.1%}"
        text += ", more than this model" * (baselines[name] > best["micro_f1"])
    return text + "."


def _of_hundred(share: float) -> int:
    """Round to whole products of 100, but say 0 or 100 only where it is exactly so."""
    return round(100 * share) if share in (0.0, 1.0) else min(99, max(1, round(100 * share)))


def _in_words(number: int) -> str:
    return _NUMBER_WORDS[number - 1] if 0 < number <= len(_NUMBER_WORDS) else str(number)


def _heading(context: Mapping[str, Any]) -> dict[str, str]:
    name = context.get("name")
    said = [f"{what} {context[what]}" for what in ("model", "level", "run_id") if context.get(what)]
    return {
        "title": f"{name}: products on their shelves" if name else "Products on their shelves",
        "line": " · ".join(text.replace("run_id", "run", 1) for text in said),
    }


def _pictures(
    metrics: Mapping[str, Any], baselines: Mapping[str, float], history: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the pictures by name; those that lack their data are left out."""
    calibrated = metrics["calibrated"] or {}
    drawn = {
        "calibration": plots.reliability_diagram(
            metrics["calibration_bins"], calibrated.get("calibration_bins")
        ),
        "sizes": plots.size_against_f1(metrics["per_class"]),
    }
    for name, meaning in (("by_words", "words of the title"), ("by_class_size", "size of shelf")):
        drawn[name] = plots.range_bars(metrics[name], name, meaning)
    if baselines:
        main = MAIN_FIGURE[metrics["objective"]]
        bars = {spoken(name): value for name, value in baselines.items()}
        ours = {OURS: flat_figures(metrics)[main]}
        drawn["baselines"] = plots.baseline_bars({**bars, **ours}, OURS, SPOKEN[main])
    if len(history) > 1:
        known = [key for key in LEARNING if any(key in epoch for epoch in history)]
        drawn["learning"] = plots.learning_curve(history, known)
    matrix = _matrix(metrics) if "confusion" in metrics else {}
    return {**{name: Markup(svg) for name, svg in drawn.items()}, **matrix}


def _matrix(metrics: Mapping[str, Any]) -> dict[str, Any]:
    names = [row["name"] for row in metrics["per_class"]]
    classes = plots.confusion_view(metrics["confusion"], len(names))
    svg = plots.heat_map(metrics["confusion"], names, classes)
    return {"confusion": Markup(svg), "confusion_classes": len(classes)}


def _calibration_note(metrics: Mapping[str, Any]) -> str:
    text = (
        "Points on the dashed line mean that a stated 80% is right in 80 of 100 cases; below the "
        "line the model is too sure of itself. The grey bars count the titles behind each point; "
        f"hollow points have fewer than {plots.FEW_TITLES}."
    )
    if metrics["temperature"] is None:
        return text
    before, after = (of["expected_calibration_error"] for of in (metrics, metrics["calibrated"]))
    return (
        f"{text} At the temperature {metrics['temperature']:.2f}, fitted on the validation titles, "
        f"the calibration error is {after:.1%} instead of {before:.1%}; no answer changes."
    )


def _last_epoch(history: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    if not history:
        return {}
    kept = [f"{part}{key}" for part in ("", "val_") for key in LEARNING]
    return {key: history[-1][key] for key in kept if history[-1].get(key) is not None}


def _confusions(
    metrics: Mapping[str, Any], examples: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the most frequent confusions, each with the examples of the same two classes."""
    titles: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for example in examples:
        for true in example["true"]:
            titles.setdefault((true, example["predicted"]), []).append(example)
    return [
        {
            **row,
            "examples": titles.get((row["true"], row["predicted"]), [])[:EXAMPLES_PER_CONFUSION],
        }
        for row in metrics["top_confusions"][:SHOWN_CONFUSIONS]
    ]


def _mistakes(
    examples: Sequence[Mapping[str, Any]], separator: str | None
) -> list[Mapping[str, Any]]:
    """Return the surest mistakes; of labels above each other only the deepest are named."""
    return [
        {**example, "true": deepest(example["true"], separator)}
        for example in examples[:SHOWN_MISTAKES]
    ]


def deepest(names: Iterable[str], separator: str | None) -> list[str]:
    """Leave out each name of which another one is a part: `a`, `a_b` gives `a_b`."""
    every = list(names)
    if not separator:
        return every
    return [n for n in every if not any(other.startswith(n + separator) for other in every)]


def _shelves(per_class: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return all classes by size; of many the largest, and the weakest that have some titles."""
    shelves = sorted(per_class, key=lambda row: (-row["support"], row["name"]))
    if len(shelves) <= MOST_ROWS:
        largest, weakest = shelves, []
    else:
        largest = shelves[:LARGEST]
        sure = [row for row in shelves if row["support"] >= LEAST_TITLES]
        weakest = sorted(sure, key=lambda row: (row["f1"], row["name"]))[:WEAKEST]
    return {
        "shelves": shelves,
        "largest": largest,
        "weakest": weakest,
        "least": LEAST_TITLES,
        "untested": sum(not row["support"] for row in shelves),
    }


def _provenance(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return where the figures come from, as rows of a table."""
    keys = ("run_id", "model", "level", "created", "parameters")
    rows = [(spoken(key), context.get(key)) for key in keys]
    if context.get("columns"):
        rows.append(("Inputs, of the baselines too", ", ".join(("title", *context["columns"]))))
    for group in ("counts", "fingerprints"):
        rows += [(spoken(key), value) for key, value in (context.get(group) or {}).items()]
    seconds = context.get("seconds") or {}
    rows += [(f"{spoken(key)}, seconds", value) for key, value in seconds.items()]
    speed = context.get("speed") or {}
    rows += [(spoken(key), speed.get(key)) for key in ("titles_per_second", "cores")]
    return [(key, shown(value)) for key, value in rows if value is not None]
