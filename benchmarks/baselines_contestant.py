"""Aisle's baselines on the shards of a run: a process of its own, so that its memory is theirs."""

from __future__ import annotations

import argparse
import json

from aisle.quiet import import_tensorflow
from configs.artifacts import SPLITS, RunArtifacts
from configs.loading import load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--sets", action="store_true")
    args = parser.parse_args()
    import_tensorflow()
    from pipelines.statistics import read_taxonomy
    from trainer.baselines import measured_baselines
    from trainer.dataset import shard_files
    from trainer.labels import LabelReader
    from trainer.scoring import NodeLabels, OneLabel, Truth

    chosen = f"evaluation.baselines.models=[{', '.join(args.models)}]"
    settings = load_settings(args.config, [*args.set, chosen])
    artifacts = RunArtifacts(args.prefix, args.run_id)
    taxonomy, written = read_taxonomy(artifacts.stats), settings.objectives.exclusive.level
    truth: Truth = OneLabel(LabelReader(taxonomy, settings.training.level, written))
    if args.sets:
        truth = NodeLabels(taxonomy.nodes)
    files = {split: shard_files(artifacts, split, truth.objective) for split in SPLITS}
    found = measured_baselines(settings.evaluation, files, truth, settings.training.seed)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
