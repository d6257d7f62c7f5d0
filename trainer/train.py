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

from aisle import __version__
from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.loading import fingerprint
from configs.settings import Settings
from pipelines import storage
from pipelines.made_with import check_made_with
from pipelines.progress import ProgressCounter, counting
from pipelines.stage import Manifest, Outcome, require_manifest, run_stage
from trainer.checkpoints import any_checkpoint, check_checkpoint
from trainer.columns import columns_seen, described
from trainer.dataset import TOKENS
from trainer.export import TitleClassifier, save_classifier
from trainer.fit import Fit
from trainer.heads import levels_above
from trainer.members import MeanOfMembers, figures_of, fit_kinds, mean_history
from trainer.setup import Cuts, Setup, built, hyper_parameters, set_up
from trainer.transform import load_transform
from trainer.vocabulary import vectors_fingerprint

_NOT_OF_A_MODEL = {"pipeline", "promotion", "schedule"}


def hparams_id(settings: Settings) -> str:
    """Name a model by its family and the hash of whatever shapes its training."""
    model = settings.training.model
    return f"{model}-{fingerprint(shaping(settings), hyper_parameters(settings))[:8]}"


def shaping(settings: Settings) -> dict[str, Any]:
    """Return what shapes the training of any family; of a catalogue's columns nothing if none."""
    seen = columns_seen(settings)
    left_out = {"devices", "checkpoint_seconds", *(() if seen else ("columns",))}
    columns = {"features": described(seen)} if seen else {}
    return {**settings.training.model_dump(exclude=left_out), **columns}


def train(settings: Settings, artifacts: RunArtifacts, *, force: bool = False) -> Outcome:
    """Run the stage; its figures are the model, `val_accuracy`, `fit_seconds`, the history.

    Raises `UsageError` where preprocessing is not finished, or a class or a device is missing.
    """
    examples = require_manifest(artifacts.tfrecords, "preprocess")
    check_made_with(settings, artifacts)
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
    if not force and any_checkpoint(folder):
        sys.stderr.write(
            f"aisle train: {folder}: the checkpoint is of other examples, forgotten; "
            "training begins anew\n"
        )
    storage.remove_tree(folder)


def train_fingerprint(settings: Settings) -> str:
    """Fingerprint what the exported model depends on, beside the examples."""
    return fingerprint(
        shaping(settings),
        hyper_parameters(settings),
        settings.text,
        {"top_k": max(settings.dump.top_k, settings.evaluation.top_k)},
        vectors_fingerprint(hyper_parameters(settings)),
    )


@dataclass(frozen=True)
class Fitted:
    """A model at its best epoch, how it was set up, and what that epoch and every one gave."""

    model: keras.Model
    setup: Setup
    best: dict[str, float]
    history: list[dict[str, float]]
    seconds: float

    @property
    def members(self) -> int:
        return len(self.model.members) if isinstance(self.model, MeanOfMembers) else 1

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
    total = setup.plan.all_steps * setup.plan.batch_size * setup.members
    with counting(title, "titles", total) as progress:
        return fit_members(setup, settings, strategy, checkpoints, fitted_on, progress)


def fit_members(
    setup: Setup,
    settings: Settings,
    strategy: tf.distribute.Strategy,
    checkpoints: str,
    fitted_on: Mapping[str, str],
    progress: ProgressCounter,
) -> Fitted:
    """Fit one member after the other; of several the model is their mean."""
    started = time.perf_counter()

    def fit(number: int, words_alone: bool) -> Fit:
        """Fit one; one that an earlier process finished is only read again."""
        own = setup.of_member(number, words_alone=words_alone)
        folder = f"{checkpoints}/member-{number}" if number else checkpoints
        one = _prepared(own, settings, strategy, folder, fitted_on, number)
        member = f"member {number + 1}, " if setup.members > 1 else ""
        one.run(progress, lambda row: progress.say(member + _told(row, own.plan.epochs)))
        if number < setup.members - 1 or words_alone:
            one.keep()
        return one

    fits = fit_kinds(setup.members, setup.two_kinds, fit)
    model, best, history = fits[0].model, fits[0].best, fits[0].history
    if len(fits) > 1:
        model = MeanOfMembers([one.model for one in fits])
        best = figures_of(model, setup.plan, [one.best for one in fits])
        history = mean_history([one.history for one in fits])
    return Fitted(model, setup, best, history, time.perf_counter() - started)


def _told(row: Mapping[str, float], epochs: int) -> str:
    """Return a row of the history as a line: `epoch 2 of 16: loss 0.1234, accuracy 0.9712`."""
    found = ", ".join(f"{name} {value:.4f}" for name, value in row.items() if name != "epoch")
    return f"epoch {row['epoch']:.0f} of {epochs}: {found}"


def _prepared(
    setup: Setup,
    settings: Settings,
    strategy: tf.distribute.Strategy,
    folder: str,
    fitted_on: Mapping[str, str],
    number: int,
) -> Fit:
    """Return what fits one of the members."""
    plan = setup.plan
    keras.utils.set_random_seed(settings.training.seed + number)
    keras.mixed_precision.set_global_policy(_policy(settings.training.mixed_precision))
    with strategy.scope():
        model = built(setup, settings)
        optimizer = setup.family.optimizer(hyper_parameters(settings), plan.all_steps)
        if keras.mixed_precision.global_policy().name == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
    keras.mixed_precision.set_global_policy("float32")  # the layers have theirs; others get none
    return Fit(model, optimizer, plan, folder, strategy, fitted_on)


def _train(
    settings: Settings, artifacts: RunArtifacts, examples: Manifest, checkpoints: str, export: str
) -> dict[str, Any]:
    fitted = fit_model(settings, artifacts, checkpoints, _fitted_on(settings, examples))
    model, setup = fitted.model, fitted.setup
    ngram_vectors = setup.shape.ngram_vectors
    figures = {
        "model": hparams_id(settings),
        "parameters": fitted.parameters,
        "members": fitted.members,
        "classes": setup.shape.classes,
        "fit_seconds": round(fitted.seconds, 3),
        **{name: value for name, value in fitted.best.items() if name.startswith("val_")},
        "epochs": len(fitted.history),
        "history": fitted.history,
        **(setup.words.figures if TOKENS in setup.family.features else {}),
        **({} if ngram_vectors is None else {"words_with_vectors": ngram_vectors.words}),
    }
    classifier = TitleClassifier(
        model,
        setup.plan.features,
        setup.plan.prepare,
        load_transform(artifacts),
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
        "config_fingerprint": fingerprint(
            settings.model_dump(mode="json", exclude=_NOT_OF_A_MODEL)
        ),
        "transform_fingerprint": fingerprint(
            {"examples": examples.config_fingerprint, "input": examples.input_fingerprint}
        ),
        "code_version": examples.code_version,
        "columns": described(columns_seen(settings)),
        **{k: v for k, v in figures.items() if k != "model"},
    }
