"""Fit the CNN on one logical CPU, then on two; test_training_runs starts it as a process.

Two logical devices must be asked for before TensorFlow starts. Prints the loss of each as JSON.
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
from trainer.train import _built, hyper_parameters, set_up


def loss_on(prefix: str, config: str, strategy: tf.distribute.Strategy) -> float:
    """Return the training loss of the second epoch."""
    sets = ["training.model=cnn", "models.cnn.epochs=2", "models.cnn.batch_size=64"]
    settings = load_settings(config, [*sets, "models.cnn.dropout=0.0"])
    setup = set_up(settings, RunArtifacts(prefix, "monday"))
    setup = dataclasses.replace(setup, plan=dataclasses.replace(setup.plan, shuffle_buffer=0))
    keras.utils.set_random_seed(1)
    hyper: Any = hyper_parameters(settings)
    with strategy.scope():
        model = _built(setup, hyper)
        optimizer = setup.family.optimizer(hyper, setup.plan.all_steps)
        optimizer.build(model.trainable_variables)
    with tempfile.TemporaryDirectory() as checkpoints:
        fit = Fit(model, optimizer, setup.plan, checkpoints, strategy, {})
        return fit.run(lambda titles: None)[1]["loss"]


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [half, half])
    prefix, config = sys.argv[1:]
    losses = {
        "one": loss_on(prefix, config, tf.distribute.get_strategy()),
        "two": loss_on(prefix, config, tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])),
    }
    sys.stdout.write(json.dumps(losses) + "\n")


if __name__ == "__main__":
    main()
