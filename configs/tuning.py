"""What `aisle tune` tries: ranges of settings, how they are searched, and when the search ends."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from configs.errors import UsageError
from configs.section import Count, Positive, Section

Direction = Literal["max", "min"]
LOWER_IS_BETTER = ("val_loss", "val_log_loss", "val_bce", "val_expected_calibration_error")
_OF_BOTH = ("loss", "accuracy", "macro_f1", "weighted_f1", "auc", "auc_weighted")
_OF_CLASSES = ("log_loss", "expected_calibration_error")
_OF_SETS = ("micro_f1", "lrap", "bce", "precision_at_1", "expected_calibration_error")
# Whatever else the settings say is in the examples: to try another value is to preprocess again.
TUNABLE = ("models", "training")
MODEL = "training.model"
_S = TypeVar("_S", bound=BaseModel)


def _check_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = "; to YAML 1e-3 is text: write 1.0e-3" if isinstance(value, str) else ""
        raise ValueError(f"expected a number, got {value!r}{hint}")
    return value


Number = Annotated[int | float, BeforeValidator(_check_number)]


class Range(Section):
    """The values of one setting that are tried: those of `choices`, or `min` to `max`.

    `scale: log` draws as many values below the geometric mean of the two as above it; `step`
    draws only `min`, `min + step` and so on, or with `scale: log` `min`, `min * step` and so on.
    """

    min: Number | None = None
    max: Number | None = None
    step: Number | None = None
    scale: Literal["linear", "log"] = "linear"
    choices: list[Any] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        ends = (self.min, self.max)
        if (self.choices is None) == (ends == (None, None)):
            raise ValueError("give either choices, or min and max")
        if self.choices is not None:
            if self.step is not None or self.scale != "linear":
                raise ValueError("step and scale are for min and max, not for choices")
            return self
        if self.min is None or self.max is None:
            raise ValueError("give both min and max")
        self._check_ends(self.min, self.max)
        return self

    def _check_ends(self, low: float, high: float) -> None:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"min must be below max, got {low:g} and {high:g}")
        if self.scale == "log" and low <= 0:
            raise ValueError(f"scale: log needs a min above 0, got {low:g}")
        least = 1 if self.scale == "log" else 0
        if self.step is not None and not self.step > least:
            raise ValueError(f"step must be above {least}, got {self.step:g}")

    @property
    def values(self) -> list[Any]:
        """The values that say whether all are possible: the choices, or the two ends."""
        return [self.min, self.max] if self.choices is None else self.choices


class TuningSettings(Section):
    """A search over `ranges`, each named by its key: `models.cnn.dropout`.

    The search ends after `trials`, or when `seconds` have passed and the trial under way is done;
    Hyperband also by itself. `objective` is a figure of a trial (see `objectives_of`), which says
    itself whether more of it is better; `direction` may repeat that. With `folds` a trial is the
    mean of so many fits, each validated on a part of the training titles that it did not see;
    without, it is one fit, validated on the valid part. `epochs` is the most that a trial has, in
    place of the model's own; its `patience` ends a fit before. `factor` is Hyperband's: of the
    trials of a round so many times fewer go on to the next, with so many times more epochs.
    """

    search: Literal["random", "hyperband", "bayesian"] = "random"
    objective: str = "val_accuracy"
    direction: Direction | None = None
    trials: Count | None = None
    seconds: Positive | None = None
    folds: Annotated[int, Field(ge=2)] | None = None
    epochs: Count | None = None
    factor: Annotated[int, Field(ge=2)] = 3
    seed: Count = 1
    ranges: dict[str, Range] = Field(default_factory=dict)

    @property
    def better(self) -> Direction:
        return "min" if self.objective in LOWER_IS_BETTER else "max"

    @model_validator(mode="after")
    def _direction_is_that_of_the_objective(self) -> Self:
        if self.direction not in (None, self.better):
            raise ValueError(
                f"direction is {self.direction}, but {self.objective} is better the "
                f"{'lower' if self.better == 'min' else 'higher'} it is; leave direction out"
            )
        return self


def objectives_of(answers: str) -> tuple[str, ...]:
    """Return the figures that a trial can be judged by: of one class a title, or of sets."""
    own = _OF_SETS if answers == "rule_based" else _OF_CLASSES
    return tuple(f"val_{name}" for name in (*_OF_BOTH, *own))


def check_tuning(settings: BaseModel, tuning: TuningSettings) -> None:
    """Raise `ValueError`, which begins with the key's path, for what can never be searched."""
    known = dict.fromkeys((*objectives_of("exclusive"), *objectives_of("rule_based")))
    if tuning.objective not in known:
        raise ValueError(
            f"tuning.objective: unknown metric {tuning.objective!r}; known here: {', '.join(known)}"
        )
    own_epochs = [key for key in tuning.ranges if key.endswith(".epochs")]
    if own_epochs and (tuning.epochs or tuning.search == "hyperband"):
        taker = "tuning.epochs" if tuning.epochs else "Hyperband"
        raise ValueError(f"tuning.ranges.{own_epochs[0]}: {taker} says how many; leave one out")
    for key, values in tuning.ranges.items():
        try:
            _check_range(settings, key, values)
        except ValueError as error:
            raise ValueError(f"tuning.ranges.{key}: {error}") from error


def check_search(tuning: TuningSettings, model: str, answers: str) -> None:
    """Raise `UsageError` where there is nothing to search, or the search would have no end.

    Unlike `check_tuning` this is asked when the search begins: the ranges of one model may stand
    in a config by which another is trained.
    """
    if not tuning.ranges:
        raise UsageError(
            "tuning.ranges: nothing to tune; name a setting and its values, for example "
            "models.bag_of_ngrams.learning_rate: {min: 0.1, max: 1.0, scale: log}"
        )
    if tuning.search != "hyperband" and tuning.trials is None and tuning.seconds is None:
        raise UsageError(f"tuning: a {tuning.search} search has no end; give trials or seconds")
    known = objectives_of(answers)
    if tuning.objective not in known:
        raise UsageError(
            f"tuning.objective: {tuning.objective} is not measured where {answers} is learned; "
            f"known here: {', '.join(known)}"
        )
    models = tuning.ranges[MODEL].values if MODEL in tuning.ranges else [model]
    for key in tuning.ranges:
        root, _, rest = key.partition(".")
        if root == "models" and rest.partition(".")[0] not in models:
            raise UsageError(
                f"tuning.ranges.{key}: training.model is {' or '.join(map(str, models))}, so it "
                "changes nothing; leave it out, or name the model"
            )


def value_at(settings: BaseModel, key: str) -> Any:
    """Return the value at a dotted key; `ValueError` names the known ones for an unknown one."""
    found: Any = settings
    for part in key.split("."):
        fields = type(found).model_fields if isinstance(found, BaseModel) else {}
        if part not in fields:
            known = ", ".join(sorted(fields)) or "none, it is a value"
            raise ValueError(f"unknown key {part!r}; known there: {known}")
        found = getattr(found, part)
    return found


def with_values(settings: _S, values: Mapping[str, Any]) -> _S:
    """Return the settings with other values at dotted keys, validated; nothing is tuned in them.

    Raises pydantic's `ValidationError` for an impossible value.
    """
    return type(settings).model_validate(put_values(settings.model_dump(), values, drop="tuning"))


def put_values(document: Mapping[str, Any], values: Mapping[str, Any], drop: str = "") -> Any:
    """Return a copy of a mapping of sections with values put at dotted keys."""
    found = {name: section for name, section in copy.deepcopy(document).items() if name != drop}
    for key, value in values.items():
        *parents, last = key.split(".")
        section = found
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    return found


def short_names(keys: Collection[str]) -> dict[str, str]:
    """Name each key by its last part, or by its last two where several end alike."""
    last = Counter(key.rpartition(".")[2] for key in keys)
    parts = {key: key.split(".") for key in keys}
    return {key: ".".join(own[-2:]) if last[own[-1]] > 1 else own[-1] for key, own in parts.items()}


def _check_range(settings: BaseModel, key: str, values: Range) -> None:
    root = key.partition(".")[0]
    if root not in TUNABLE:
        raise ValueError(
            f"only {' and '.join(TUNABLE)} can be tuned; all else is fixed with the examples"
        )
    before = value_at(settings, key)
    if isinstance(before, BaseModel):
        raise ValueError("it is a section, not a value; name a key in it")
    for value in values.values:
        for problem in _problems(settings, key, value):
            raise ValueError(problem)


def _problems(settings: BaseModel, key: str, value: Any) -> Iterator[str]:
    try:
        with_values(settings, {key: value})
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            yield f"{problem['msg'].removeprefix('Value error, ')}, got {value!r}"
