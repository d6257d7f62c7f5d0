"""One page about a trained classifier, for the people who own the shelves, not for statisticians.

The page stands alone: styles, pictures and the few lines of script are inside it, and it asks the
network for nothing. Whatever comes from the data is escaped by the template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from trainer import plots

SHOWN_CONFUSIONS = 20
EXAMPLES_PER_CONFUSION = 2
OURS = "this model"

_NUMBER_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def render_report(metrics: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    """Return the report as one HTML page; the same input gives the same page.

    metrics: what `trainer.metrics.classification_metrics` returned, or its JSON read back.
    context: all optional: `name` of the catalogue, `level`, `run_id`, `model`, `created`, `counts`
    and `fingerprints` (name to value), `seconds` (stage to seconds), `baselines` (name to
    accuracy, 0 to 1), `history` (one dict per epoch: epoch, loss, accuracy, val_loss,
    val_accuracy) and `examples` (dicts of title, true, predicted, probability).
    """
    baselines = dict(context.get("baselines") or {})
    history = list(context.get("history") or [])
    return _template().render(
        metrics=metrics,
        heading=_heading(context),
        verdict=verdict(metrics, baselines),
        top_words=_in_words(metrics["top_k"]),
        pictures=_pictures(metrics, baselines, history),
        last_epoch=history[-1] if history else {},
        confusions=_confusions(metrics, context.get("examples") or []),
        shelves=sorted(metrics["per_class"], key=lambda row: (-row["support"], row["name"])),
        provenance=_provenance(metrics, context),
    )


def verdict(metrics: Mapping[str, Any], baselines: Mapping[str, float]) -> str:
    """Say in plain words how good the model is, and against what.

    `Of 100 new products, 88 land on the right shelf; for 96 the right shelf is among the first
    three. The best simple method (linear) puts 84 on the right shelf.`
    """
    text = f"Of 100 new products, {_of_hundred(metrics['accuracy'])} land on the right shelf"
    top_k = metrics["top_k"]
    if 1 < top_k < metrics["classes"]:
        found = _of_hundred(metrics[f"top_{top_k}_accuracy"])
        text += f"; for {found} the right shelf is among the first {_in_words(top_k)}"
    if baselines:
        best = max(baselines, key=lambda name: baselines[name])
        found = _of_hundred(baselines[best])
        text += f". The best simple method ({_spoken(best)}) puts {found} on the right shelf"
        text += ", more than this model" * (baselines[best] > metrics["accuracy"])
    return text + "."


def _of_hundred(share: float) -> int:
    """Round to whole products of 100, but say 0 or 100 only where it is exactly so."""
    return round(100 * share) if share in (0.0, 1.0) else min(99, max(1, round(100 * share)))


def _in_words(number: int) -> str:
    return _NUMBER_WORDS[number - 1] if number <= len(_NUMBER_WORDS) else str(number)


def _spoken(key: object) -> str:
    return str(key).replace("_", " ")


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
    names = [row["name"] for row in metrics["per_class"]]
    classes = plots.confusion_view(metrics["confusion"], len(names))
    drawn = {
        "confusion": plots.heat_map(metrics["confusion"], names, classes),
        "calibration": plots.reliability_diagram(metrics["calibration_bins"]),
        "sizes": plots.size_against_f1(metrics["per_class"]),
    }
    if baselines:
        bars = {_spoken(name): value for name, value in baselines.items()}
        drawn["baselines"] = plots.baseline_bars({**bars, OURS: metrics["accuracy"]}, OURS)
    if len(history) > 1:
        drawn["learning"] = plots.learning_curve(history)
    pictures: dict[str, Any] = {name: Markup(svg) for name, svg in drawn.items()}
    return {**pictures, "confusion_classes": len(classes)}


def _confusions(
    metrics: Mapping[str, Any], examples: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the most frequent confusions, each with the examples of the same two classes."""
    titles: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for example in examples:
        titles.setdefault((example["true"], example["predicted"]), []).append(example)
    return [
        {
            **row,
            "examples": titles.get((row["true"], row["predicted"]), [])[:EXAMPLES_PER_CONFUSION],
        }
        for row in metrics["top_confusions"][:SHOWN_CONFUSIONS]
    ]


def _provenance(metrics: Mapping[str, Any], context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return where the figures come from, as rows of a table."""
    rows = [(_spoken(key), context.get(key)) for key in ("run_id", "model", "level", "created")]
    rows.append(("log loss (nats per title)", metrics.get("log_loss")))
    for group in ("counts", "fingerprints"):
        rows += [(_spoken(key), value) for key, value in (context.get(group) or {}).items()]
    seconds = context.get("seconds") or {}
    rows += [(f"{_spoken(key)}, seconds", value) for key, value in seconds.items()]
    return [(key, _shown(value)) for key, value in rows if value is not None]


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return whole(value)
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def percent(share: float) -> str:
    """Write a share of 0 to 1 in percent, with one decimal: `88.1%`."""
    return f"{share:.1%}"


def whole(number: int) -> str:
    """Write a count with commas: `512,345`."""
    return f"{number:,}"


def breakable(name: object) -> Markup:
    """Allow a line break after each `_` and `/` of a long name; escaped."""
    text = str(escape(name))
    return Markup(text.replace("_", "_<wbr>").replace("/", "/<wbr>"))


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("trainer"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, whole=whole, breakable=breakable)
    environment.globals.update(percent=percent, whole=whole)
    return environment.get_template("report.html.j2")
