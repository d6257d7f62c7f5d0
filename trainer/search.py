"""Which values a trial gets: keras-tuner's oracles, made to survive a kill at any moment.

keras-tuner writes its state in place and swallows every error of a trial. Here each file appears
whole or not at all, a trial fails by `UsageError` alone (a loss that is no number, say), and all
else stops the search.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus

from configs.errors import UsageError
from configs.settings import Settings
from configs.tuning import MODEL, Range, value_at, with_values
from pipelines import storage

EPOCHS = "tuner/epochs"  # keras-tuner's name for how many epochs Hyperband gives a trial
_HELPERS = "tuner/"
_NO_LIMIT = 1 << 30
RunTrial = Callable[[str, Mapping[str, Any], int | None], Mapping[str, float]]


class _Durable(keras_tuner.Oracle):
    """An oracle whose files are whole after a kill, and that forgets no trial and invents none."""

    trials: dict[str, Trial]

    def save(self) -> None:
        storage.write_bytes(self._get_oracle_fname(), json.dumps(self.get_state()).encode())

    def _save_trial(self, trial: Trial) -> None:
        path = f"{self._get_trial_dir(trial.trial_id)}/trial.json"
        storage.write_bytes(path, json.dumps(trial.get_state()).encode())

    def reload(self) -> None:
        """Go on where the last process stopped: a trial that it was at comes first.

        A trial is written before the oracle's own state is: one that the state does not know was
        about to begin, and is drawn again.
        """
        super().reload()
        self.trials = {name: self.trials[name] for name in self.start_order}


class RandomSearch(_Durable, keras_tuner.oracles.RandomSearchOracle):
    """Draws every trial at random."""


class Hyperband(_Durable, keras_tuner.oracles.HyperbandOracle):
    """Gives many trials few epochs, and the best of them more (Li et al. 2018).

    https://jmlr.org/papers/v18/16-558.html
    """


class Bayesian(_Durable, keras_tuner.oracles.BayesianOptimizationOracle):
    """Draws a trial where a Gaussian process over those before expects, or hopes for, the best."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Draw by the seed and the trial's number: keras-tuner does not keep where chance was."""
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        found: dict[str, Any] = super().populate_space(trial_id)
        return found


class Tuner(BaseTuner):
    """Runs trials until the oracle has no more, or `is_over` says so between two of them."""

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        folder: str,
        run: RunTrial,
        is_over: Callable[[], bool],
        choices: Mapping[str, Mapping[Any, Any]],
    ) -> None:
        self._run, self._is_over, self._choices = run, is_over, choices
        parent, _, name = folder.rpartition("/")
        with contextlib.redirect_stdout(io.StringIO()):
            super().__init__(oracle, directory=parent, project_name=name)
        self.oracle.verbose = 0

    def search(self) -> None:
        self.save()
        while not self._is_over():
            trial = self.oracle.create_trial(self.tuner_id)
            if trial.status != TrialStatus.RUNNING:
                return
            try:
                self.oracle.update_trial(trial.trial_id, self.run_trial(trial))
                trial.status = TrialStatus.COMPLETED
            except UsageError as error:
                trial.status, trial.message = TrialStatus.FAILED, str(error)
            self.on_trial_end(trial)

    def run_trial(self, trial: Trial) -> dict[str, float]:
        """Return the figures of a trial, the objective among them."""
        values = trial.hyperparameters.values
        return dict(self._run(trial.trial_id, self.chosen(trial), values.get(EPOCHS)))

    def chosen(self, trial: Trial) -> dict[str, Any]:
        """Return the values of the settings that the trial tries, by their keys."""
        return {
            key: self._choices[key][value] if key in self._choices else value
            for key, value in trial.hyperparameters.values.items()
            if not key.startswith(_HELPERS)
        }

    def save(self) -> None:
        """Write the state; that the second file is there is what keras-tuner looks for."""
        self.oracle.save()
        storage.write_bytes(f"{self.project_dir}/{self.tuner_id}.json", b"{}")

    def reload(self) -> None:
        self.oracle.reload()


def make_tuner(
    settings: Settings, folder: str, run: RunTrial, is_over: Callable[[], bool]
) -> Tuner:
    """Return the tuner of `settings.tuning`; it goes on from what it finds in `folder`."""
    space, choices = make_space(settings)
    return Tuner(_oracle(settings, space), folder, run, is_over, choices)


def make_space(
    settings: Settings,
) -> tuple[keras_tuner.HyperParameters, dict[str, dict[Any, Any]]]:
    """Return keras-tuner's ranges, and for each key with choices what each of them stands for.

    keras-tuner takes only numbers or only words: other choices are named by their JSON. Where the
    model itself is chosen, another's hyper-parameters are not drawn.
    """
    space = keras_tuner.HyperParameters()
    choices: dict[str, dict[Any, Any]] = {}
    for key in sorted(settings.tuning.ranges, key=lambda key: key != MODEL):
        values = settings.tuning.ranges[key]
        if values.choices is None:
            _add_numbers(space, settings, key, values)
            continue
        choices[key] = _named(values.choices)
        space.Choice(key, list(choices[key]), **_condition(settings, key))
    return space, choices


def _add_numbers(
    space: keras_tuner.HyperParameters, settings: Settings, key: str, values: Range
) -> None:
    ends = {"min_value": values.min, "max_value": values.max, "step": values.step}
    whole = isinstance(value_at(with_values(settings, {key: values.min}), key), int)
    add = space.Int if whole else space.Float
    add(key, **ends, sampling=values.scale, **_condition(settings, key))


def _named(choices: list[Any]) -> dict[Any, Any]:
    kinds = {type(choice) for choice in choices}
    if kinds in ({int}, {float}, {str}):
        return {choice: choice for choice in choices}
    return {json.dumps(choice): choice for choice in choices}


def _condition(settings: Settings, key: str) -> dict[str, Any]:
    root, _, rest = key.partition(".")
    if root != "models" or MODEL not in settings.tuning.ranges:
        return {}
    return {"parent_name": MODEL, "parent_values": [rest.partition(".")[0]]}


def _oracle(settings: Settings, space: keras_tuner.HyperParameters) -> keras_tuner.Oracle:
    tuning = settings.tuning
    shared = {
        "objective": keras_tuner.Objective(tuning.objective, tuning.better),
        "hyperparameters": space,
        "seed": tuning.seed,
        "allow_new_entries": False,
        "max_consecutive_failed_trials": _NO_LIMIT,
    }
    if tuning.search == "hyperband":
        oracle = Hyperband(max_epochs=most_epochs(settings), factor=tuning.factor, **shared)
        oracle.max_trials = tuning.trials
        return oracle
    kind = {"random": RandomSearch, "bayesian": Bayesian}[tuning.search]
    return kind(max_trials=tuning.trials, **shared)


def most_epochs(settings: Settings) -> int:
    """Return how many epochs a trial has at most, as far as the settings say; if not, one."""
    family = getattr(settings.models, settings.training.model)
    return settings.tuning.epochs or family.epochs or 1
