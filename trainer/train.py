"""The train stage: fit the model that the config names on a run's examples, and export it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.loading import fingerprint
from configs.models import FitSettings
from configs.settings import Settings
from pipelines import storage
from pipelines.progress import counting
from pipelines.stage import Manifest, Outcome, require_manifest, run_stage
from pipelines.statistics import read_figures, read_ngram_rows, read_taxonomy
from trainer.dataset import shard_files
from trainer.export import TitleClassifier, save_classifier
from trainer.fit import Fit, FitPlan
from trainer.labels import LabelReader
from trainer.models import FAMILIES
from trainer.models.family import DataShape, Family

_FITTED_ON = "FITTED_ON"
_NOT_OF_A_MODEL = {"pipeline", "promotion", "schedule"}

_STEPS_WANTED, _LEAST_BATCH = 250, 32


def hparams_id(settings: Settings) -> str:
    """Name a model by its family and the hash of whatever shapes its training."""
    model = settings.training.model
    shaping = settings.training.model_dump(exclude={"devices", "checkpoint_seconds"})
    return f"{model}-{fingerprint(shaping, hyper_parameters(settings))[:8]}"


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
        if force:
            storage.remove_tree(checkpoints)
        _forget_other_examples(checkpoints, examples.fingerprint)
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


def _forget_other_examples(checkpoints: str, fingerprint: str) -> None:
    """Remove what a killed training left if it was fitted on examples that were made anew since."""
    mark = f"{checkpoints}/{_FITTED_ON}"
    if storage.exists(mark) and storage.read_bytes(mark).decode() == fingerprint:
        return
    storage.remove_tree(checkpoints)
    storage.write_bytes(mark, fingerprint.encode())


def train_fingerprint(settings: Settings) -> str:
    """Fingerprint what the exported model depends on, beside the examples."""
    return fingerprint(
        settings.training.model_dump(exclude={"devices", "checkpoint_seconds"}),
        hyper_parameters(settings),
        settings.text,
        {"top_k": max(settings.dump.top_k, settings.evaluation.top_k)},
    )


@dataclass(frozen=True)
class _Setup:
    family: Family
    labels: LabelReader
    plan: FitPlan
    shape: DataShape


def _train(
    settings: Settings, artifacts: RunArtifacts, examples: Manifest, checkpoints: str, export: str
) -> dict[str, Any]:
    setup = _set_up(settings, artifacts)
    strategy = _strategy(settings.training.devices)
    keras.utils.set_random_seed(settings.training.seed)
    keras.mixed_precision.set_global_policy(_policy(settings.training.mixed_precision))
    started = time.perf_counter()
    with strategy.scope():
        model = _built(setup, hyper_parameters(settings))
        optimizer = setup.family.optimizer(
            hyper_parameters(settings), setup.plan.steps_per_epoch * setup.plan.epochs
        )
        if keras.mixed_precision.global_policy().name == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
    total = setup.plan.rows * setup.plan.epochs
    with counting("train", "titles", total) as progress:
        fit = Fit(model, optimizer, setup.labels, setup.plan, checkpoints, strategy)
        history = fit.run(progress)
    fitted = time.perf_counter() - started
    figures = {
        "model": hparams_id(settings),
        "parameters": sum(math.prod(v.shape) for v in model.trainable_variables),
        "classes": setup.shape.classes,
        "fit_seconds": round(fitted, 3),
        "val_accuracy": max(epoch["val_accuracy"] for epoch in history),
        "epochs": len(history),
        "history": history,
    }
    transform = tft.TFTransformOutput(artifacts.transform_fn)
    classifier = TitleClassifier(
        model,
        setup.family.features,
        setup.plan.prepare,
        transform,
        settings.text,
        setup.labels.names,
        max(settings.dump.top_k, settings.evaluation.top_k),
    )
    save_classifier(classifier, export, _description(settings, artifacts, examples, figures))
    return figures


def _set_up(settings: Settings, artifacts: RunArtifacts) -> _Setup:
    family = FAMILIES[settings.training.model]
    taxonomy = read_taxonomy(artifacts.stats)
    rows = read_figures(artifacts.stats)["examples_by_split"]
    labels = LabelReader(taxonomy, settings.training.level, settings.objectives.exclusive.level)
    if len(labels.names) < 2:
        raise UsageError(
            f"training.level {settings.training.level}: the examples have {len(labels.names)} "
            "class; training needs two or more"
        )
    hyper, training = hyper_parameters(settings), settings.training
    if training.xla and not family.compiles:
        raise UsageError(
            f"training.xla: XLA cannot know the shapes of {training.model}'s steps; set it to false"
        )
    if training.mixed_precision and not family.half_precision:
        raise UsageError(
            f"training.mixed_precision: {training.model} has no layer that gains from it; "
            "set it to false"
        )
    features = settings.features
    shape = DataShape(
        classes=len(labels.names),
        vocabulary_size=features.tokens.vocabulary_size,
        length=features.tokens.length,
        ngram_rows=read_ngram_rows(artifacts.stats, features.ngrams.buckets),
    )
    plan = FitPlan(
        train_files=shard_files(artifacts, "train"),
        valid_files=shard_files(artifacts, "valid") if rows["valid"] else [],
        features=family.features,
        prepare=lambda examples: family.prepare(examples, shape),
        rows=rows["train"],
        batch_size=min(hyper.batch_size, max(_LEAST_BATCH, rows["train"] // _STEPS_WANTED)),
        epochs=hyper.epochs,
        patience=hyper.patience,
        seed=training.seed,
        shuffle_buffer=training.shuffle_buffer,
        validation_rows=training.validation_rows,
        checkpoint_seconds=training.checkpoint_seconds,
        xla=training.xla,
    )
    return _Setup(family, labels, plan, shape)


def _built(setup: _Setup, settings: FitSettings) -> keras.Model:
    """Return the model with its variables made: run it once on one empty title."""
    model = setup.family.build(settings, setup.shape)
    title = {name: tf.ragged.constant([[0]], tf.int64) for name in setup.family.features}
    model(setup.plan.prepare(title))
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
        return tf.distribute.MirroredStrategy([device.name for device in chosen])
    return tf.distribute.get_strategy()


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
        "model": figures["model"],
        "model_fingerprint": fingerprint(
            {"examples": examples.fingerprint, "train": train_fingerprint(settings)}
        ),
        "config_fingerprint": fingerprint(
            settings.model_dump(mode="json", exclude=_NOT_OF_A_MODEL)
        ),
        "transform_fingerprint": fingerprint(
            {"examples": examples.config_fingerprint, "input": examples.input_fingerprint}
        ),
        "code_version": examples.code_version,
        **{k: v for k, v in figures.items() if k != "model"},
    }
