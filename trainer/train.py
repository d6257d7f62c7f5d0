"""The train stage: fit the model that the config names on a run's examples, and export it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from aisle import __version__
from configs.artifacts import RunArtifacts
from configs.columns import outputs_of
from configs.errors import UsageError
from configs.loading import fingerprint
from configs.models import FitSettings
from configs.settings import Settings
from configs.training import ObjectiveName, TrainingSettings
from pipelines import storage
from pipelines.progress import counting
from pipelines.stage import Manifest, Outcome, require_manifest, run_stage
from pipelines.statistics import read_figures, read_ngram_rows, read_taxonomy
from trainer.checkpoints import check_checkpoint
from trainer.columns import check_columns, columns_seen, described, empty_columns
from trainer.dataset import TOKENS, shard_files
from trainer.export import TitleClassifier, save_classifier
from trainer.fit import Fit
from trainer.heads import levels_above, make_heads
from trainer.models import FAMILIES
from trainer.models.columns import BesideTitle
from trainer.models.family import DataShape, Family
from trainer.objectives import Objective
from trainer.plan import FitPlan, Part
from trainer.vocabulary import KnownWords, read_known_words, vectors_fingerprint
from transforms.categories import Taxonomy

_STEPS_WANTED, _LEAST_BATCH = 250, 32


def hparams_id(settings: Settings) -> str:
    """Name a model by its family and the hash of whatever shapes its training."""
    model = settings.training.model
    return f"{model}-{fingerprint(_shaping(settings), hyper_parameters(settings))[:8]}"


def _shaping(settings: Settings) -> dict[str, Any]:
    """Return what shapes the training of any family; of a catalogue's columns nothing if none."""
    seen = columns_seen(settings)
    left_out = {"devices", "checkpoint_seconds", *(() if seen else ("columns",))}
    columns = {"features": described(seen)} if seen else {}
    return {**settings.training.model_dump(exclude=left_out), **columns}


def hyper_parameters(settings: Settings) -> FitSettings:
    """Return the section of `models` that `training.model` names."""
    section = getattr(settings.models, settings.training.model)
    assert isinstance(section, FitSettings)
    return section


def train(settings: Settings, artifacts: RunArtifacts, *, force: bool = False) -> Outcome:
    """Run the stage; its figures are the model, `val_accuracy`, `fit_seconds`, the history.

    Raises `UsageError` where preprocessing is not finished, or a class or a device is missing.
    """
    examples = require_manifest(artifacts.tfrecords, "preprocess")
    name = hparams_id(settings)
    checkpoints = artifacts.checkpoints(name)

    def body(work: str) -> dict[str, Any]:
        _go_on_or_forget(checkpoints, _fitted_on(settings, examples), force)
        return _train(settings, artifacts, examples, checkpoints, f"{work}/export")

    outcome = run_stage(
        "train",
        body,
        folders={"export": artifacts.exports(name)},
        work=f"{artifacts.work}/{name}",
        input_fingerprint=examples.fingerprint,
        config_fingerprint=train_fingerprint(settings),
        force=force,
    )
    storage.remove_tree(checkpoints)
    return outcome


def _fitted_on(settings: Settings, examples: Manifest) -> dict[str, str]:
    """Name the config and the examples that a checkpoint is of."""
    config = fingerprint({"train": train_fingerprint(settings), "version": __version__})
    return {"config": config, "examples": examples.fingerprint}


def _go_on_or_forget(folder: str, fitted_on: Mapping[str, str], force: bool) -> None:
    """Remove what a killed training left, if the examples were made anew since, or by force."""
    if not force and check_checkpoint(folder, fitted_on):
        return
    if not force and storage.exists(f"{folder}/last.json"):
        sys.stderr.write(
            f"aisle train: {folder}: the checkpoint is of other examples, forgotten; "
            "training begins anew\n"
        )
    storage.remove_tree(folder)


def train_fingerprint(settings: Settings) -> str:
    """Fingerprint what the exported model depends on, beside the examples."""
    return fingerprint(
        _shaping(settings),
        hyper_parameters(settings),
        settings.text,
        {"top_k": max(settings.dump.top_k, settings.evaluation.top_k)},
        vectors_fingerprint(hyper_parameters(settings)),
    )


@dataclass(frozen=True)
class Setup:
    """A family, and what it is to be fitted on."""

    family: Family
    taxonomy: Taxonomy
    plan: FitPlan
    shape: DataShape
    words: KnownWords


@dataclass(frozen=True)
class Cut:
    """Shards to fit on and shards to validate on, and how many examples there are in each."""

    train_files: Sequence[str]
    valid_files: Sequence[str]
    rows: int
    valid_rows: int


Cuts = Mapping[ObjectiveName, Cut]


@dataclass(frozen=True)
class Fitted:
    """A model at its best epoch, how it was set up, and what that epoch and every one gave."""

    model: keras.Model
    setup: Setup
    best: dict[str, float]
    history: list[dict[str, float]]
    seconds: float

    @property
    def parameters(self) -> int:
        return sum(math.prod(variable.shape) for variable in self.model.trainable_variables)


def fit_model(
    settings: Settings,
    artifacts: RunArtifacts,
    checkpoints: str,
    fitted_on: Mapping[str, str],
    *,
    cuts: Cuts | None = None,
    title: str = "train",
) -> Fitted:
    """Fit the model that the settings name; go on from `checkpoints` if something is there.

    `cuts` may say which shards, in place of the run's own two parts.
    """
    setup = set_up(settings, artifacts, cuts)
    strategy = _strategy(settings.training.devices)
    keras.utils.set_random_seed(settings.training.seed)
    keras.mixed_precision.set_global_policy(_policy(settings.training.mixed_precision))
    started = time.perf_counter()
    with strategy.scope():
        model = _built(setup, settings)
        optimizer = setup.family.optimizer(hyper_parameters(settings), setup.plan.all_steps)
        if keras.mixed_precision.global_policy().name == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
    keras.mixed_precision.set_global_policy("float32")  # the layers have theirs; others get none
    total = setup.plan.all_steps * setup.plan.batch_size
    with counting(title, "titles", total) as progress:
        fit = Fit(model, optimizer, setup.plan, checkpoints, strategy, fitted_on)
        history = fit.run(progress)
    return Fitted(model, setup, fit.best, history, time.perf_counter() - started)


def _train(
    settings: Settings, artifacts: RunArtifacts, examples: Manifest, checkpoints: str, export: str
) -> dict[str, Any]:
    fitted = fit_model(settings, artifacts, checkpoints, _fitted_on(settings, examples))
    model, setup = fitted.model, fitted.setup
    figures = {
        "model": hparams_id(settings),
        "parameters": fitted.parameters,
        "classes": setup.shape.classes,
        "fit_seconds": round(fitted.seconds, 3),
        **{name: value for name, value in fitted.best.items() if name.startswith("val_")},
        "epochs": len(fitted.history),
        "history": fitted.history,
        **(setup.words.figures if TOKENS in setup.family.features else {}),
    }
    classifier = TitleClassifier(
        model,
        setup.plan.features,
        setup.plan.prepare,
        tft.TFTransformOutput(artifacts.transform_fn),
        settings.text,
        setup.plan.heads,
        answers=settings.training.answers,
        above=levels_above(setup.taxonomy, settings.training),
        levels=setup.taxonomy.levels,
        top_k=max(settings.dump.top_k, settings.evaluation.top_k),
        columns=setup.shape.columns,
        passed_over=settings.features.columns,
    )
    save_classifier(classifier, export, _description(settings, artifacts, examples, figures))
    return figures


def set_up(settings: Settings, artifacts: RunArtifacts, cuts: Cuts | None = None) -> Setup:
    hyper, training = hyper_parameters(settings), settings.training
    family = FAMILIES[training.model]
    _check_abilities(settings, family)
    taxonomy = read_taxonomy(artifacts.stats)
    heads = make_heads(settings, artifacts, taxonomy)
    features = settings.features
    words = read_known_words(artifacts, training.model, hyper, features.tokens.vocabulary_size)
    columns = columns_seen(settings)
    check_columns(artifacts, columns)
    shape = DataShape(
        classes=heads.columns,
        vocabulary_size=features.tokens.vocabulary_size,
        length=features.tokens.length,
        ngram_rows=read_ngram_rows(artifacts.stats, features.ngrams.buckets),
        vectors=words.vectors,
        columns=columns,
    )
    parts = tuple(_part(artifacts, objective, cuts or {}) for objective in heads.objectives)
    rows = max(part.rows for part in parts)
    joint = training.joint
    plan = FitPlan(
        heads=heads,
        parts=parts,
        features=(*family.features, *outputs_of(columns)),
        prepare=lambda examples: family.prepare(examples, shape),
        batch_size=min(hyper.batch_size, max(_LEAST_BATCH, rows // _STEPS_WANTED)),
        epochs=hyper.epochs,
        patience=hyper.patience,
        answers=training.answers,
        watched=training.watched,
        exclusive_share=joint.exclusive_share,
        first=joint.first,
        pretrain_epochs=_pretrain_epochs(training, hyper),
        seed=training.seed,
        shuffle_buffer=training.shuffle_buffer,
        validation_rows=training.validation_rows,
        checkpoint_seconds=training.checkpoint_seconds,
        xla=training.xla,
        columns=columns,
    )
    return Setup(family, taxonomy, plan, shape, words)


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


def _pretrain_epochs(training: TrainingSettings, hyper: FitSettings) -> int:
    """Return how many epochs train one of two objectives alone; some must be left for both."""
    if len(training.objectives) < 2 or training.joint.schedule != "pretrain":
        return 0
    if hyper.epochs <= training.joint.pretrain_epochs:
        raise UsageError(
            f"training.joint.pretrain_epochs is {training.joint.pretrain_epochs}, but "
            f"models.{training.model}.epochs is {hyper.epochs}: none is left for both objectives"
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


def _built(setup: Setup, settings: Settings) -> keras.Model:
    """Return the model with its variables made: run it once on one empty title."""
    family, shape = setup.family, setup.shape
    model = family.build(hyper_parameters(settings), shape)
    if shape.columns and not family.sees_columns:
        units = settings.training.columns.hidden_units
        model = BesideTitle(model, shape.columns, units, shape.classes)
    title = {name: tf.ragged.constant([[0]], tf.int64) for name in family.features}
    model(setup.plan.prepare({**title, **empty_columns(shape.columns)}))
    return model


def _strategy(devices: int) -> tf.distribute.Strategy:
    """Return how to spread the steps: over `devices` GPUs, or all there are with 0."""
    gpus = tf.config.list_logical_devices("GPU")
    if devices > max(1, len(gpus)):
        raise UsageError(
            f"training.devices is {devices}, but this machine has {len(gpus)} GPU; set it to 0"
        )
    chosen = gpus[: devices or len(gpus)]
    if len(chosen) > 1:
        return mirrored([device.name for device in chosen])
    return tf.distribute.get_strategy()


def mirrored(devices: Sequence[str]) -> tf.distribute.Strategy:
    """Return how to spread the steps over these devices, gathered on the first of them.

    TensorFlow's own gathering fails where devices have looked up different numbers of rows.
    """
    gathering = tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(list(devices), cross_device_ops=gathering)


def _policy(mixed_precision: bool) -> str:
    if not mixed_precision:
        return "float32"
    return "mixed_float16" if tf.config.list_logical_devices("GPU") else "mixed_bfloat16"


def _description(
    settings: Settings, artifacts: RunArtifacts, examples: Manifest, figures: dict[str, Any]
) -> dict[str, Any]:
    """Say what an export is: predictions carry this with every row."""
    return {
        "name": settings.name,
        "run_id": artifacts.run_id,
        "level": settings.training.level,
        "objective": settings.training.answers,
        "objectives": settings.training.objectives,
        "model": figures["model"],
        "model_fingerprint": fingerprint(
            {"examples": examples.fingerprint, "train": train_fingerprint(settings)}
        ),
        "config_fingerprint": fingerprint(settings.model_dump(mode="json", exclude={"pipeline"})),
        "transform_fingerprint": fingerprint(
            {"examples": examples.config_fingerprint, "input": examples.input_fingerprint}
        ),
        "code_version": examples.code_version,
        "columns": described(columns_seen(settings)),
        **{k: v for k, v in figures.items() if k != "model"},
    }
