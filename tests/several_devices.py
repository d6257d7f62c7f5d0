"""Fit models on one logical CPU, then on two; test_several_devices starts it as a process.

Two logical devices must be asked for before TensorFlow starts. Takes a prefix, a config and a JSON
object that maps names to overrides; prints the histories by name, and by `one` and `two`, as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile

import tensorflow as tf

from configs.artifacts import RunArtifacts
from configs.loading import load_settings
from pipelines.progress import LogCounter
from trainer.setup import Setup, set_up
from trainer.train import fit_members, mirrored


def history_on(
    prefix: str, config: str, sets: list[str], strategy: tf.distribute.Strategy
) -> list[dict[str, float]]:
    """Return the history of a model; of several members that of their mean, and its figures."""
    settings = load_settings(config, sets)
    setup = in_whole_batches(set_up(settings, RunArtifacts(prefix, "monday")))
    with tempfile.TemporaryDirectory() as checkpoints:
        watcher = LogCounter("train", "titles", None)
        fitted = fit_members(setup, settings, strategy, checkpoints, {}, watcher)
    return fitted.history if setup.members == 1 else [*fitted.history, fitted.best]


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
