"""Train one model after the other on the same split of the same files; which is worth its time?

Aisle preprocesses once, its time apart; then each model is trained and evaluated by the commands
that a user would type, with the hyper-parameters of the config. `seconds` is training with the
validation after each epoch, `titles_per_second` the titles that were learned from in that time,
each counted as often as it was seen; `cpu_seconds` are those of the whole command. Scored on the
test part. The linear baseline is that of the evaluation, fitted once, beside the first model.
Example: .venv/bin/python benchmarks/models.py --input DIR --rows 200000 --models cnn,gru_1 --json
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
    mebibytes,
    notes,
    print_json,
    row_count,
    scratch_folder,
    set_options,
    show,
    take_rows,
)
from benchmarks.measure import Measurement, measure
from configs.errors import UsageError
from configs.models import ModelSettings

ROWS = 200_000
MODELS = tuple(ModelSettings.model_fields)

_FEW_ROWS = 1000


def run_all(args: argparse.Namespace, folder: Path, scratch: Path) -> dict[str, Any]:
    """Preprocess, then run the models in the order in which they were named."""
    with notes.status("preprocess"):
        given = set_options(common_sets(args))
        command = aisle("preprocess", args.config, scratch, "--input", str(folder), *given)
        preprocess = measure(command)
    examples = preprocess.figures["examples_by_split"]
    models = [
        run_model(args, scratch, name, examples["train"], with_baseline=not number)
        for number, name in enumerate(args.models)
    ]
    return {
        "level": args.level,
        "preprocess_seconds": round(preprocess.seconds, 3),
        "examples": examples,
        "baselines": models[0]["baselines"],
        "models": models,
    }


def run_model(
    args: argparse.Namespace, scratch: Path, name: str, titles: int, *, with_baseline: bool
) -> dict[str, Any]:
    """Train and evaluate one model on so many titles; return its figures."""
    rows = 0 if with_baseline else _FEW_ROWS  # one baseline on all titles is enough for all models
    sets = [f"training.model={name}", f"evaluation.baselines.rows={rows}"]
    if args.epochs:
        sets += [f"models.{name}.epochs={args.epochs}", f"models.{name}.patience={args.epochs}"]
    if args.batch_size:
        sets += [f"models.{name}.batch_size={args.batch_size}"]
    given = set_options([*sets, *common_sets(args)])
    runs = {}
    for command in ("train", "evaluate"):
        with notes.status(f"{name}: {command}"):
            runs[command] = measure(aisle(command, args.config, scratch, *given))
    return summarise(name, titles, runs["train"], runs["evaluate"])


def common_sets(args: argparse.Namespace) -> list[str]:
    """Return what is laid over the config for every command."""
    levels = [f"{key}.level={args.level}" for key in ("training", "objectives.exclusive")]
    return [*levels, *args.set]


def summarise(name: str, titles: int, train: Measurement, evaluate: Measurement) -> dict[str, Any]:
    """Return what the table shows of a model, and all that its commands said."""
    said, scores = train.figures, evaluate.figures
    return {
        "model": name,
        "parameters": said["parameters"],
        "accuracy": scores["accuracy"],
        "weighted_f1": scores["weighted_f1"],
        "epochs": said["epochs"],
        "seconds": said["fit_seconds"],
        "titles_per_second": round(titles * said["epochs"] / said["fit_seconds"], 1),
        "cpu_seconds": round(train.cpu_seconds, 1),
        "peak_rss_bytes": train.peak_rss_bytes,
        "baselines": scores["baselines"],
        "train": train.as_figures(),
        "evaluate": evaluate.as_figures(),
    }


def show_all(figures: dict[str, Any], as_json: bool) -> None:
    rows = [
        [
            found["model"],
            f"{found['parameters']:,}",
            f"{found['accuracy']:.4f}",
            f"{found['weighted_f1']:.4f}",
            f"{found['epochs']}",
            f"{found['seconds']:,.1f}",
            f"{found['cpu_seconds']:,.1f}",
            f"{found['titles_per_second']:,.0f}",
            mebibytes(found["peak_rss_bytes"]),
        ]
        for found in figures["models"]
    ]
    rows += [[name, "", f"{score:.4f}", *[""] * 6] for name, score in figures["baselines"].items()]
    title = (
        f"Models on {figures['level']}, {figures['records']:,} records, "
        f"{figures['examples']['train']:,} titles to learn from "
        f"(preprocessed in {figures['preprocess_seconds']:,.0f} s)"
    )
    columns = ["", "parameters", "accuracy", "weighted F1", "epochs", "training s", "CPU s"]
    show(title, [*columns, "titles/s", "peak memory"], rows, as_json)


def model_names(text: str) -> list[str]:
    """Return the names of `a,b,c`; raise `UsageError` for one that no model has."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in MODELS]
    if unknown or not names:
        raise UsageError(
            f"--models {text}: no such model: {', '.join(unknown) or 'none named'}; "
            f"one or more of {','.join(MODELS)}"
        )
    return names


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.set_defaults(rows=ROWS)
    parser.add_argument(
        "--models", default=",".join(MODELS), help="names, with commas; all of them"
    )
    parser.add_argument("--epochs", type=row_count, default=0, help="of every model; 0: its own")
    parser.add_argument("--batch-size", type=row_count, default=0, help="at most; 0: its own")
    parser.add_argument("--level", choices=("main", "full"), default="main")
    parser.add_argument("--set", action="append", default=[], help="lay a value over the config")
    args = parser.parse_args(argv)
    args.models = model_names(args.models)
    check(args)
    with scratch_folder(args) as scratch:
        folder, records = take_rows(args.input, args.rows, scratch / "cut")
        figures = {"records": records, **run_all(args, folder, scratch)}
    show_all(figures, args.json)
    print_json(figures, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
