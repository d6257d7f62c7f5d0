"""Fit models on one logical CPU, then on two; test_several_devices starts it as a process.

Two logical devices must be asked for before TensorFlow starts. Takes a prefix, a config and a JSON
object that maps names to overrides; prints the histories by name, and by `one` and `two`, as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from typing import Any

import keras
import tensorflow as tf

from configs.artifacts import RunArtifacts
from configs.loading import load_settings
from trainer.fit import Fit
from trainer.members import MeanOfMembers, figures_of, mean_history
from trainer.setup import Setup, built, hyper_parameters, set_up
from trainer.train import mirrored


def history_on(
    prefix: str, config: str, sets: list[str], strategy: tf.distribute.Strategy
) -> list[dict[str, float]]:
    """Return the history of a model; of several members that of their mean, and its figures."""
    settings = load_settings(config, sets)
    whole = in_whole_batches(set_up(settings, RunArtifacts(prefix, "monday")))
    models, histories = [], []
    for number in range(whole.members):
        setup = whole.of_member(number)
        keras.utils.set_random_seed(1 + number)
        hyper: Any = hyper_parameters(settings)
        with strategy.scope():
            model = built(setup, settings)
            optimizer = setup.family.optimizer(hyper, setup.plan.all_steps)
            optimizer.build(model.trainable_variables)
        with tempfile.TemporaryDirectory() as checkpoints:
            fit = Fit(model, optimizer, setup.plan, checkpoints, strategy, {})
            histories.append(fit.run(lambda titles: None))
        models.append(model)
    if len(models) == 1:
        return histories[0]
    mean = figures_of(MeanOfMembers(models), whole.plan, [history[-1] for history in histories])
    return [*mean_history(histories), mean]


def in_whole_batches(setup: Setup) -> Setup:
    """Leave out the odd batch at the end of an epoch, for which several devices begin again."""
    plan = setup.plan
    whole = [p.rows // plan.batch_size * plan.batch_size for p in plan.parts]
    parts = tuple(dataclasses.replace(p, rows=n) for p, n in zip(plan.parts, whole, strict=True))
    plan = dataclasses.replace(plan, parts=parts, shuffle_buffer=0)
    return dataclasses.replace(setup, plan=plan)


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [half, half])
    prefix, config, models = sys.argv[1:]
    found = {
        name: {
            "one": history_on(prefix, config, sets, tf.distribute.get_strategy()),
            "two": history_on(prefix, config, sets, mirrored(["CPU:0", "CPU:1"])),
        }
        for name, sets in json.loads(models).items()
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
