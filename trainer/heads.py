"""From the settings of `training` to the objectives of one network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.settings import Settings
from configs.training import ObjectiveName, TrainingSettings
from pipelines.statistics import read_label_counts
from trainer.class_weights import check_class_names, class_weights
from trainer.damage import naming_damage
from trainer.dataset import LABELS, read_examples, shard_files
from trainer.labels import LabelReader
from trainer.losses import ordinal_labels
from trainer.objectives import Exclusive, Heads, Objective, RuleBased
from transforms.categories import Taxonomy

_COUNTED_AT_ONCE = 8192


def make_heads(settings: Settings, artifacts: RunArtifacts, taxonomy: Taxonomy) -> Heads:
    """Return the objectives that `training.objectives` names, `exclusive` first.

    Raises `UsageError` for less than two classes, or a weight of a class that there is not.
    """
    training = settings.training
    made: list[Objective] = []
    if "exclusive" in training.objectives:
        made.append(_exclusive(settings, artifacts, taxonomy))
    if "rule_based" in training.objectives:
        made.append(_rule_based(training, artifacts, taxonomy))
    check_class_names(training.class_weights, [name for one in made for name in one.names])
    return Heads(tuple(made))


def levels_above(taxonomy: Taxonomy, training: TrainingSettings) -> dict[str, np.ndarray]:
    """Return for each level above `full` the class there of each category, -1 for none.

    Of another level there is nothing above: its classes may lie below several of a higher one.
    """
    if training.level != "full" or "exclusive" not in training.objectives:
        return {}
    return {name: taxonomy.labels_at(name) for name in taxonomy.levels if name != "full"}


def _exclusive(settings: Settings, artifacts: RunArtifacts, taxonomy: Taxonomy) -> Exclusive:
    training, written_level = settings.training, settings.objectives.exclusive.level
    reader = LabelReader(taxonomy, training.level, written_level)
    _check_classes(f"training.level {training.level}", reader.names)

    def count() -> np.ndarray:
        if training.level == written_level:
            counts = read_label_counts(artifacts.stats)
            return np.array([counts[name]["train"] for name in reader.names])
        return _counted(artifacts, "exclusive", reader.features, reader, len(reader.names))

    ordinal = training.target == "ordinal"
    above = levels_above(taxonomy, training) if training.hierarchy == "joint" else {}
    return Exclusive(
        reader,
        weights=class_weights(training.class_weights, reader.names, count),
        soft=ordinal_labels(reader.names, training.ordinal_scale) if ordinal else None,
        uniform=training.label_smoothing.uniform,
        categories=training.label_smoothing.categories,
        above=above,
        above_weight=training.hierarchy_weight,
    )


def _rule_based(
    training: TrainingSettings, artifacts: RunArtifacts, taxonomy: Taxonomy
) -> RuleBased:
    _check_classes("training.objectives rule_based", taxonomy.nodes)

    def count() -> np.ndarray:
        return _counted(artifacts, "rule_based", (LABELS,), None, len(taxonomy.nodes))

    return RuleBased(
        taxonomy.nodes,
        depths=taxonomy.node_depths if taxonomy.node_depths.max() > 1 else None,
        weights=class_weights(training.class_weights, taxonomy.nodes, count),
        uniform=training.label_smoothing.uniform,
    )


def _check_classes(where: str, names: Sequence[str]) -> None:
    if len(names) < 2:
        raise UsageError(
            f"{where}: the examples have {len(names)} class; training needs two or more"
        )


def _counted(
    artifacts: RunArtifacts,
    objective: ObjectiveName,
    features: tuple[str, ...],
    reader: LabelReader | None,
    classes: int,
) -> np.ndarray:
    """Count the training examples of each class by reading their labels."""
    counts = np.zeros(classes, np.int64)
    files = shard_files(artifacts, "train", objective)
    with naming_damage(files):
        for batch in read_examples(files, features, batch_size=_COUNTED_AT_ONCE):
            if reader is None:
                found = batch[LABELS].values.numpy()
            else:
                label, rows = reader(batch)
                found = label.numpy()[rows.numpy() > 0]
            counts += np.bincount(found, minlength=classes)
    return counts
