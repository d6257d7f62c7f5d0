"""The commands on labels: what can be typed, and an example of each."""

from __future__ import annotations

import argparse

from aisle.champion_arguments import AddOptions

STORE_HELP = "a database or a sink, by URL (default: store.url)"


def label_commands(
    config: str, stage: AddOptions, where: AddOptions
) -> dict[str, tuple[str, str, AddOptions]]:
    """Return summary, example and options of each.

    `where` adds what all are told; `stage` adds `--force` too, for what can be finished.
    """

    def write_labels(command: argparse.ArgumentParser) -> None:
        command.add_argument("--dump-id", required=True, help="the predictions to write")
        command.add_argument("--store", help=STORE_HELP)
        stage(command)

    def store(command: argparse.ArgumentParser) -> None:
        command.add_argument("--store", help=STORE_HELP)
        where(command)

    def gate(command: argparse.ArgumentParser) -> None:
        command.add_argument("--dump-id", required=True, help="the predictions to look at")
        store(command)

    def diff(command: argparse.ArgumentParser) -> None:
        command.add_argument(
            "--output", help="folder of diff.html and diff.json (default: diffs/<id>)"
        )
        gate(command)

    def labels(command: argparse.ArgumentParser) -> None:
        command.add_argument("--product", required=True, help="the id of a product")
        command.add_argument("--label", help="set this label for it, as a person does")
        command.add_argument("--person", help="who sets it")
        store(command)

    def undo(command: argparse.ArgumentParser) -> None:
        command.add_argument("--write", required=True, help="the write_id that write-labels told")
        store(command)

    def dead_letters(command: argparse.ArgumentParser) -> None:
        command.add_argument("--write", help="only those of this write_id")
        command.add_argument("--replay", action="store_true", help="bring them to the sink again")
        store(command)

    options = f"--config {config} --prefix out --run-id monday"
    return {
        "write-labels": (
            "write predictions into the label store",
            f"aisle write-labels {options} --dump-id 2026-11-21",
            write_labels,
        ),
        "diff": (
            "show what write-labels would change, as HTML and JSON, and whether the gate lets it",
            f"aisle diff {options} --dump-id 2026-11-21",
            diff,
        ),
        "gate": (
            "end with status 2 where the gate does not let write-labels change what it would",
            f"aisle gate {options} --dump-id 2026-11-21",
            gate,
        ),
        "labels": (
            "tell the story of a product's label, or set it as a person",
            f"aisle labels --config {config} --prefix out --product 4711",
            labels,
        ),
        "undo": (
            "put back what a write changed, where nothing newer came since",
            f"aisle undo --config {config} --prefix out --write 0f1e2d3c4b5a6978",
            undo,
        ),
        "dead-letters": (
            "show what a sink refused, or bring it there again",
            f"aisle dead-letters --config {config} --prefix out --replay",
            dead_letters,
        ),
    }
