"""The exploration page: from the figures of `trainer.exploration` to one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from trainer import exploration_plots as plots
from trainer.pages import percent, render_page, whole

BARS, BOXES, PAIRS, MAP_CLASSES = 25, 25, 25, 18
SHOWN_CLASSES, FEW_EXAMPLES, LEAST_RECORDS, REPEATED = 40, 10, 50, 12


def render_exploration(found: Mapping[str, Any]) -> str:
    """Return the page; found: what `trainer.exploration.describe` returned, or its JSON."""
    counts = found["counts"]
    return render_page(
        "exploration.html.j2",
        heading={
            "title": f"{found['name']}: the titles",
            "line": f"run {found['run_id']} · level {found['level']}",
        },
        tiles=_tiles(found),
        levels=_levels(found["levels"]),
        words=_words(found),
        boxes=_boxes(found),
        repeated=_repeated(found["levels"][found["level"]]),
        counts=counts,
        repeat_share=percent(counts["duplicates"] / max(1, counts["records"])),
        conflicts=_conflicts(found),
        parts=_parts(found["labels"]),
        samples=_with_titles(found),
        sampled=found["sampled"]["rows"],
        rejected=found["rejected"],
        tokens=Markup(plots.token_bars(found["tokens"])) if found["tokens"] else None,
        level=found["level"],
        shown=SHOWN_CLASSES,
    )


def _tiles(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    counts = found["counts"]
    rows = (
        ("records", "Records", "read from the category files, bad ones included"),
        ("titles", "Distinct titles", "after cleaning"),
        ("examples", "Examples", f"labelled titles at level {found['level']}, all parts"),
        ("duplicates", "Repeats", "records whose cleaned title was there before"),
        ("conflicting_titles", "In several places", "titles under more than one category"),
        ("rejected", "Rejected", "records that are no titles; with reasons below"),
    )
    return [
        {
            "key": key,
            "value": counts[key],
            "label": label,
            "text": whole(counts[key]),
            "meaning": meaning,
        }
        for key, label, meaning in rows
    ]


def _levels(levels: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return each level with its picture; levels of the same categories are drawn once."""
    names: dict[str, list[str]] = {}
    for level, rows in levels.items():
        same = next((first for first in names if levels[first] == rows), level)
        names.setdefault(same, []).append(level)
    return [
        {
            "name": " and ".join(of_level),
            "rows": levels[level],
            "few": sum(row["titles"] < FEW_EXAMPLES for row in levels[level]),
            "least": FEW_EXAMPLES,
            "drawn": min(BARS, len(levels[level])),
            "picture": Markup(plots.category_bars(levels[level][:BARS], f"level-{number}", level)),
        }
        for number, (level, of_level) in enumerate(names.items())
        if levels[level]
    ]


def _words(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the histogram and what it says: quartiles, and titles that are cut."""
    pairs, length = found["words"], found["token_length"]
    titles = sum(count for _, count in pairs)
    if not titles:
        return {}
    mean = sum(words * count for words, count in pairs) / titles
    cut = sum(count for words, count in pairs if words > length)
    return {
        "picture": Markup(plots.words_histogram(pairs, length)),
        "mean": f"{mean:.1f}",
        "longest": max(words for words, _ in pairs),
        "cut": percent(cut / titles),
        "length": length,
    }


def _boxes(found: Mapping[str, Any]) -> dict[str, Any]:
    known = [row for row in found["sampled"]["classes"] if row["words"]]
    known.sort(key=lambda row: (-row["words"]["n"], row["name"]))
    if not known:
        return {}
    every = {"name": "all", "words": found["sampled"]["all"]}
    return {
        "picture": Markup(plots.words_boxes([every, *known[:BOXES]])),
        "drawn": min(BOXES, len(known)),
        "rows": known,
    }


def _repeated(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the categories with the highest share of repeats among those of some size."""
    sized = [row for row in rows if row["records"] >= LEAST_RECORDS]
    found = [{**row, "repeats": max(0.0, 1.0 - row["titles"] / row["records"])} for row in sized]
    return sorted(found, key=lambda row: (-row["repeats"], row["name"]))[:REPEATED]


def _conflicts(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pairs that share titles, the first of them with examples."""
    pairs = found["conflicts"]
    if not pairs:
        return {}
    titles = {row["name"]: row["titles"] for row in found["levels"][found["level"]]}
    shared = {(row["first"], row["second"]): row["titles"] for row in found["sampled"]["shared"]}
    rows = [
        {
            **row,
            "share": row["titles"] / max(1, min(titles[row["first"]], titles[row["second"]])),
            "examples": shared.get((row["first"], row["second"]), []),
        }
        for row in pairs
    ]
    return {
        "rows": rows,
        "shown": rows[:PAIRS],
        "picture": Markup(plots.conflict_map(pairs, MAP_CLASSES)),
    }


def _parts(labels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the examples of each class by part, and which classes may make trouble."""
    rows = sorted(labels, key=lambda row: (-row["train"], row["name"]))
    return {
        "rows": rows,
        "few": sum(0 < row["train"] < FEW_EXAMPLES for row in rows),
        "unseen": sum(not row["train"] and bool(row["valid"] + row["test"]) for row in rows),
        "least": FEW_EXAMPLES,
    }


def _with_titles(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in found["sampled"]["classes"] if row["titles"]]
