"""keras-tuner's searches survive a kill at any write, and find what they should."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from configs.errors import UsageError
from configs.loading import load_settings
from configs.settings import Settings
from pipelines import storage
from trainer.search import Tuner, make_tuner

CONFIG = Path(__file__).parents[2] / "configs" / "amazon_ads.yaml"
BAG = "models.bag_of_ngrams"
RATE = f"{BAG}.learning_rate: {{min: 0.01, max: 1.0, scale: log}}"
RANGES = (
    f"{RATE}, "
    f"{BAG}.hidden_units: {{min: 8, max: 64, step: 8}}, "
    f"{BAG}.embedding_width: {{choices: [8, 16, 32]}}"
)


def settings_of(search: str, ranges: str = RANGES, **more: object) -> Settings:
    own = "".join(f", {name}: {value}" for name, value in more.items())
    return load_settings(CONFIG, [f"tuning={{search: {search}, ranges: {{{ranges}}}{own}}}"])


def hill(trial: str, values: Mapping[str, Any], epochs: int | None) -> dict[str, float]:
    """A smooth objective whose best is known: learning rate 0.1, 40 units, width 16."""
    away = abs(math.log10(values[f"{BAG}.learning_rate"]) + 1.0)
    away += abs(values.get(f"{BAG}.hidden_units", 40) - 40) / 100
    away += 0.3 * (values.get(f"{BAG}.embedding_width", 16) != 16)
    return {"val_accuracy": math.exp(-away) * (1.0 - 0.5 ** (epochs or 8))}


def tuner_in(folder: Path, settings: Settings, run: Any = hill) -> Tuner:
    return make_tuner(settings, f"{folder}/trials", run, lambda: False)


def trials_of(tuner: Tuner) -> list[tuple[object, ...]]:
    """What each trial tried and reached, in the order in which they began."""
    trials = [tuner.oracle.trials[name] for name in tuner.oracle.start_order]
    return [
        (tuner.chosen(trial), trial.hyperparameters.values.get("tuner/epochs"), trial.score)
        for trial in trials
    ]


class _Killed(BaseException):
    """Stands in for a kill: nothing catches it, and nothing after it is written."""


@pytest.mark.parametrize(
    ("search", "ranges", "more"),
    [
        ("random", RANGES, {"trials": 6}),
        ("bayesian", RATE, {"trials": 4}),  # the fourth is the first that is not drawn at random
        ("hyperband", RANGES, {"epochs": 4, "factor": 2}),
    ],
    ids=["random", "bayesian", "hyperband"],
)
def test_killed_at_any_write_a_search_ends_as_if_left_alone(
    search: str,
    ranges: str,
    more: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each attempt gets a few more writes than the one before: each kind of write is cut off."""
    settings = settings_of(search, ranges, **more)
    unbroken = tuner_in(tmp_path / "unbroken", settings)
    unbroken.search()
    expected, runs = trials_of(unbroken), []

    def noted(trial: str, values: Mapping[str, Any], epochs: int | None) -> dict[str, float]:
        runs.append(trial)
        return hill(trial, values, epochs)

    write, left = storage.write_bytes, [0]

    def write_or_die(path: str, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise _Killed
        write(path, content)

    for writes in range(20):
        left[0] = writes
        with monkeypatch.context() as patched, contextlib.suppress(_Killed):
            patched.setattr(storage, "write_bytes", write_or_die)
            tuner_in(tmp_path / "broken", settings, noted).search()
            pytest.fail("it was not killed")
        found = tuner_in(tmp_path / "broken", settings)
        done = [trial for trial in trials_of(found) if trial[2] is not None]
        assert done == expected[: len(done)]
        if len(done) > len(expected) // 2:
            break
    last = tuner_in(tmp_path / "broken", settings, noted)
    last.search()
    assert trials_of(last) == expected
    assert len(runs) < 3 * len(expected)  # what was finished was not run again from the start


@pytest.mark.parametrize(
    ("search", "ranges", "trials"),
    [("random", RANGES, 40), ("bayesian", RATE, 6)],
    ids=["random", "bayesian"],
)
def test_a_search_comes_near_the_best(
    search: str, ranges: str, trials: int, tmp_path: Path
) -> None:
    tuner = tuner_in(tmp_path, settings_of(search, ranges, trials=trials, seed=3))
    tuner.search()
    found = trials_of(tuner)
    assert len(found) == trials
    assert max(score for _, _, score in found) > 0.75
    assert all(0.01 <= values[f"{BAG}.learning_rate"] <= 1.0 for values, _, _ in found)
    units = [values.get(f"{BAG}.hidden_units", 8) for values, _, _ in found]
    assert all(isinstance(n, int) and n % 8 == 0 for n in units)


def test_hyperband_gives_the_best_of_a_round_more_epochs(tmp_path: Path) -> None:
    tuner = tuner_in(tmp_path, settings_of("hyperband", epochs=8, factor=2))
    tuner.search()
    trials = [tuner.oracle.trials[name] for name in tuner.oracle.start_order]
    place = next(i for i, t in enumerate(trials) if "tuner/trial_id" in t.hyperparameters.values)
    promoted, first_round = trials[place], trials[:place]
    best = max(first_round, key=lambda trial: trial.score)
    assert promoted.hyperparameters.values["tuner/trial_id"] == best.trial_id
    assert tuner.chosen(promoted) == tuner.chosen(best)
    epochs = [trial.hyperparameters.values["tuner/epochs"] for trial in (best, promoted)]
    assert epochs == [1, 2]


def test_a_loss_is_searched_downwards(tmp_path: Path) -> None:
    settings = settings_of("random", objective="val_loss", trials=5)

    def loss(trial: str, values: Mapping[str, Any], epochs: int | None) -> dict[str, float]:
        return {"val_loss": values[f"{BAG}.learning_rate"]}

    tuner = tuner_in(tmp_path, settings, loss)
    tuner.search()
    scores = [score for _, _, score in trials_of(tuner)]
    assert tuner.oracle.get_best_trials(1)[0].score == min(scores)


def test_choices_of_any_kind_come_back_as_they_were_written(tmp_path: Path) -> None:
    ranges = (
        "training.model: {choices: [cnn, bag_of_ngrams]}, models.cnn.filters: {choices: [8, 9]}, "
        "training.shuffle_buffer: {choices: [0, 10]}, training.xla: {choices: [true, false]}"
    )
    seen = []

    def note(trial: str, values: Mapping[str, Any], epochs: int | None) -> dict[str, float]:
        seen.append(dict(values))
        return {"val_accuracy": 0.5}

    tuner_in(tmp_path, settings_of("random", ranges, trials=10), note).search()
    assert {values["training.xla"] for values in seen} == {True, False}
    assert {values["training.model"] for values in seen} == {"cnn", "bag_of_ngrams"}
    with_filters = [values for values in seen if "models.cnn.filters" in values]
    assert {values["training.model"] for values in with_filters} == {"cnn"}


def test_a_trial_that_cannot_be_fitted_fails_alone_and_an_error_of_ours_stops(
    tmp_path: Path,
) -> None:
    settings = settings_of("random", trials=4)

    def every_other(trial: str, values: Mapping[str, Any], epochs: int | None) -> dict[str, float]:
        if int(trial) % 2:
            raise UsageError("the loss is nan")
        return {"val_accuracy": 0.5}

    tuner = tuner_in(tmp_path / "failing", settings, every_other)
    tuner.search()
    trials = [tuner.oracle.trials[name] for name in tuner.oracle.start_order]
    assert [trial.status for trial in trials] == ["COMPLETED", "FAILED"] * 2
    assert [trial.message for trial in trials] == [None, "the loss is nan"] * 2

    def broken(trial: str, values: Mapping[str, Any], epochs: int | None) -> dict[str, float]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tuner_in(tmp_path / "broken", settings, broken).search()
