"""What several members and n-grams of characters give a catalogue of few titles.

The same files are preprocessed with n-grams of words alone and with those of characters beside
them; on each the flagship is trained with one member and with four, and evaluated on the test part
beside the linear models of its report. The split is the same in all.
Example: .venv/bin/python benchmarks/small.py --input DIR --rows 20000 --level full --json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import (
    aisle,
    check,
    finish,
    make_parser,
    notes,
    print_json,
    scratch_folder,
    set_options,
    show,
    take_rows,
)
from benchmarks.measure import measure
from benchmarks.models import common_sets

MEMBERS = (1, 4)
SEES = {"words": "[]", "characters too": "[3,4,5]"}


def run_all(args: argparse.Namespace, folder: Path, scratch: Path) -> list[dict[str, Any]]:
    """Return the figures of each pair of features and members, in the order of the table."""
    found = []
    for sees, sizes in SEES.items():
        common = [f"features.ngrams.character_sizes={sizes}", *common_sets(args)]
        place = scratch / sees.replace(" ", "-")
        with notes.status(f"{sees}: preprocess"):
            command = aisle("preprocess", args.config, place, "--input", str(folder))
            examples = measure([*command, *set_options(common)]).figures["examples_by_split"]
        for members in MEMBERS:
            sets = set_options([*common, f"models.bag_of_ngrams.members={members}"])
            with notes.status(f"{sees}, {members} members: train, evaluate"):
                train = measure(aisle("train", args.config, place, *sets)).figures
                scores = measure(aisle("evaluate", args.config, place, *sets)).figures
            found.append(
                {
                    "sees": sees,
                    "members": members,
                    "examples": examples,
                    "classes": train["classes"],
                    "fit_seconds": train["fit_seconds"],
                    "val_accuracy": train["val_accuracy"],
                    "accuracy": scores["accuracy"],
                    "weighted_f1": scores["weighted_f1"],
                    "baselines": scores["baselines"],
                }
            )
    return found


def show_all(found: Sequence[dict[str, Any]], as_json: bool) -> None:
    rows = []
    for one in found:
        name = f"bag_of_ngrams, {one['sees']}, members: {one['members']}"
        figures = [f"{one[key]:.4f}" for key in ("val_accuracy", "accuracy", "weighted_f1")]
        rows.append([name, *figures, f"{one['fit_seconds']:,.1f}"])
    for one in found[:: len(MEMBERS)]:
        for name, score in one["baselines"].items():
            rows.append([f"{name}, {one['sees']}", "", f"{score:.4f}", "", ""])
    titles = found[0]["examples"]["train"]
    show(
        f"{titles:,} titles to learn from, {found[0]['classes']:,} classes",
        ["", "accuracy, valid", "accuracy, test", "weighted F1, test", "training s"],
        rows,
        as_json,
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--level", default="main", help="of the category tree")
    parser.add_argument("--set", action="append", default=[], help="lay a value over the config")
    args = parser.parse_args(argv)
    check(args)
    with scratch_folder(args) as scratch:
        folder = args.input
        if args.rows:
            folder, _ = take_rows(args.input, args.rows, scratch / "cut")
        found = run_all(args, folder, scratch)
    show_all(found, args.json)
    print_json({"rows": args.rows, "runs": found}, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
