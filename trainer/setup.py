"""What a model is fitted on, and the model before it is: from the settings and a run's examples."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from configs.artifacts import RunArtifacts
from configs.columns import outputs_of
from configs.errors import UsageError
from configs.models import FitSettings
from configs.settings import Settings
from configs.training import ObjectiveName, TrainingSettings
from pipelines.made_with import made_character_sizes
from pipelines.statistics import (
    read_figures,
    read_label_counts,
    read_seen_ngrams,
    read_taxonomy,
)
from trainer.columns import check_columns, columns_seen, empty_columns
from trainer.dataset import shard_files
from trainer.heads import make_heads
from trainer.models import FAMILIES
from trainer.models.columns import BesideTitle
from trainer.models.family import DataShape, Family
from trainer.objectives import Heads, Objective
from trainer.plan import FitPlan, Part
from trainer.vocabulary import KnownWords, read_known_words, read_ngram_vectors
from transforms.categories import Taxonomy

_STEPS_WANTED, _LEAST_BATCH = 250, 32
_SHUFFLED_WHOLE = 50_000  # as many examples in memory, or fewer, are shuffled as one


@dataclass(frozen=True)
class Setup:
    """A family, and what it is to be fitted on, by how many `members`.

    `two_kinds`: there are n-grams of characters beside those of words, which a member can go
    without.
    """

    family: Family
    taxonomy: Taxonomy
    plan: FitPlan
    members: int
    two_kinds: bool
    shape: DataShape
    words: KnownWords

    def of_member(self, number: int, *, words_alone: bool = False) -> Setup:
        """Return the setup of one of the members: each has an order of its own."""
        shape = replace(self.shape, words_alone=words_alone)
        return replace(self, plan=self.plan.of_member(number), shape=shape)


@dataclass(frozen=True)
class Cut:
    """Shards to fit on and shards to validate on, and how many examples there are in each."""

    train_files: Sequence[str]
    valid_files: Sequence[str]
    rows: int
    valid_rows: int


Cuts = Mapping[ObjectiveName, Cut]


def hyper_parameters(settings: Settings) -> FitSettings:
    """Return the section of `models` that `training.model` names."""
    section = getattr(settings.models, settings.training.model)
    assert isinstance(section, FitSettings)
    return section


def set_up(settings: Settings, artifacts: RunArtifacts, cuts: Cuts | None = None) -> Setup:
    hyper, training = hyper_parameters(settings), settings.training
    family = FAMILIES[training.model]
    _check_abilities(settings, family)
    taxonomy = read_taxonomy(artifacts.stats)
    heads = make_heads(settings, artifacts, taxonomy)
    parts = tuple(_part(artifacts, objective, cuts or {}) for objective in heads.objectives)
    rows = max(part.rows for part in parts)
    epochs = hyper.epochs_of(rows, rows * _typical_share(heads, settings, artifacts))
    features = settings.features
    words = read_known_words(artifacts, training.model, hyper, features.tokens.vocabulary_size)
    columns = columns_seen(settings)
    check_columns(artifacts, columns)
    characters = bool(made_character_sizes(artifacts))
    shape = DataShape(
        classes=heads.columns,
        vocabulary_size=features.tokens.vocabulary_size,
        length=features.tokens.length,
        ngrams=read_seen_ngrams(artifacts.stats, features.ngrams.buckets),
        passes=epochs,
        vectors=words.vectors,
        ngram_vectors=read_ngram_vectors(training.model, hyper, features.ngrams, characters),
        columns=columns,
    )
    joint = training.joint
    plan = FitPlan(
        heads=heads,
        parts=parts,
        features=(*family.features, *outputs_of(columns)),
        prepare=lambda examples: family.prepare(examples, shape),
        batch_size=min(hyper.batch_size, max(_LEAST_BATCH, rows // _STEPS_WANTED)),
        epochs=epochs,
        patience=hyper.patience,
        answers=training.answers,
        watched=training.watched,
        exclusive_share=joint.exclusive_share,
        first=joint.first,
        pretrain_epochs=_pretrain_epochs(training, epochs),
        seed=training.seed,
        shuffle_buffer=_shuffle_buffer(training, rows),
        validation_rows=training.validation_rows,
        checkpoint_seconds=training.checkpoint_seconds,
        xla=training.xla,
        columns=columns,
    )
    members = hyper.members_of(rows)
    two_kinds = characters and "ngrams" in family.features
    return Setup(family, taxonomy, plan, members, two_kinds, shape, words)


def _typical_share(heads: Heads, settings: Settings, artifacts: RunArtifacts) -> float:
    """Return which share of the training titles is of a class neither large nor small.

    Where classes are not those whose titles were counted, all count as of one size.
    """
    counted = settings.training.level == settings.objectives.exclusive.level
    if "exclusive" not in settings.training.objectives or not counted:
        return 1 / heads.columns
    counts = [of_class["train"] for of_class in read_label_counts(artifacts.stats).values()]
    return statistics.median(count for count in counts if count) / sum(counts)


def _shuffle_buffer(training: TrainingSettings, rows: int) -> int:
    if training.shuffle_buffer is not None:
        return training.shuffle_buffer
    return rows if rows <= _SHUFFLED_WHOLE else 0


def _check_abilities(settings: Settings, family: Family) -> None:
    training = settings.training
    if training.xla and not family.compiles:
        raise UsageError(
            f"training.xla: the steps of {training.model} gain nothing from XLA; set it to false"
        )
    if training.xla and columns_seen(settings):
        raise UsageError(
            "training.xla: further columns have shapes that XLA cannot know; set it to false, or "
            "training.columns.names to []"
        )
    if training.mixed_precision and not family.half_precision:
        raise UsageError(
            f"training.mixed_precision: {training.model} has no layer that gains from it; "
            "set it to false"
        )


def _pretrain_epochs(training: TrainingSettings, epochs: int) -> int:
    """Return how many epochs train one of two objectives alone; some must be left for both."""
    if len(training.objectives) < 2 or training.joint.schedule != "pretrain":
        return 0
    if epochs <= training.joint.pretrain_epochs:
        raise UsageError(
            f"training.joint.pretrain_epochs is {training.joint.pretrain_epochs}, but "
            f"models.{training.model}.epochs is {epochs}: none is left for both objectives"
        )
    return training.joint.pretrain_epochs


def _part(artifacts: RunArtifacts, objective: Objective, cuts: Cuts) -> Part:
    cut = cuts.get(objective.name) or whole(artifacts, objective.name)
    return Part(objective, cut.train_files, cut.valid_files, cut.rows, cut.valid_rows)


def whole(artifacts: RunArtifacts, objective: ObjectiveName) -> Cut:
    """Return the run's own parts of an objective; the valid one may be empty."""
    key = "examples_by_split" if objective == "exclusive" else "rule_based_by_split"
    rows = read_figures(artifacts.stats)[key]
    valid_files = shard_files(artifacts, "valid", objective) if rows["valid"] else []
    train_files = shard_files(artifacts, "train", objective)
    return Cut(train_files, valid_files, rows["train"], rows["valid"])


def built(setup: Setup, settings: Settings) -> keras.Model:
    """Return the model with its variables made: run it once on one empty title."""
    family, shape = setup.family, setup.shape
    model = family.build(hyper_parameters(settings), shape)
    if shape.columns and not family.sees_columns:
        units = settings.training.columns.hidden_units
        model = BesideTitle(model, shape.columns, units, shape.classes)
    title = {name: tf.ragged.constant([[0]], tf.int64) for name in family.features}
    model(setup.plan.prepare({**title, **empty_columns(shape.columns)}))
    return model
