"""How a model is fitted: what it learns, from which labels, and when the fitting ends."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from configs.columns import ColumnSettings
from configs.models import ModelName
from configs.section import Count, Level, Positive, Section, Share

ObjectiveName = Literal["exclusive", "rule_based"]


class JointSettings(Section):
    """How two objectives share one network; read only where `training.objectives` names both.

    `interleave`: each batch holds `exclusive_share` examples of `exclusive`, the rest are of
    `rule_based`. `pretrain`: the first `pretrain_epochs` epochs train `first` alone, the others
    are interleaved. An epoch ends when one of the two has been seen once. `answers` names the head
    whose labels the exported model gives; the other has signatures of its own.
    """

    schedule: Literal["interleave", "pretrain"] = "interleave"
    exclusive_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    first: ObjectiveName = "rule_based"
    pretrain_epochs: Count = 1
    answers: ObjectiveName = "exclusive"


class LabelSmoothing(Section):
    """How much of the label's share goes elsewhere (Szegedy et al. 2016, section 7).

    `uniform` is spread over all classes: https://arxiv.org/abs/1512.00567. `categories` is spread
    over the other classes in which the same title stands; a title in one class keeps it.
    """

    uniform: Share = 0.0
    categories: Share = 0.0

    @model_validator(mode="after")
    def _leaves_the_label_something(self) -> Self:
        if self.uniform + self.categories >= 1.0:
            raise ValueError(
                "uniform + categories must be below 1, or nothing is left for the label; "
                f"got {self.uniform + self.categories:g}"
            )
        return self


class TrainingSettings(Section):
    """How a model is fitted; the model's own hyper-parameters stand in `models`.

    `objectives`: what is learned: `exclusive` (softmax, one class at `level`), `rule_based`
    (sigmoids, every node of the tree in which a title stands), or both in one network (`joint`).
    `level` is that of `objectives.exclusive` where it is not named.
    `class_weights`: how much a title counts in the loss of `exclusive`, and a label in that of
    `rule_based`: `balanced`, as much as is needed for all classes to count the same; `sqrt`, the
    square root of that; or a weight by class name, 1 for those that are not named.
    `hierarchy: joint`, with `level: full`: adds `hierarchy_weight` times the mean cross-entropy at
    the levels above, where a probability is the sum over a class's children. `target: ordinal`:
    classes are scores, of which near ones are less wrong than far ones; `ordinal_scale` says how
    quickly an answer gets wrong. `monitor`: what early stopping watches; `auto` is `val_accuracy`
    where `exclusive` answers, else `val_micro_f1`.
    `devices`: how many GPUs to use, 0 for all there are. `validation_rows`: how many titles of the
    valid part are scored after each epoch, 0 for all. `checkpoint_seconds`: how long at most is
    lost when training is killed. `shuffle_buffer`: how many titles are held to be drawn from at
    random; null for all of a small catalogue, and for none of one whose shards are large: they are
    in an order of chance.
    """

    model: ModelName = "bag_of_ngrams"
    level: Level = "main"
    objectives: list[ObjectiveName] = Field(default=["exclusive"], min_length=1, max_length=2)
    joint: JointSettings = JointSettings()
    columns: ColumnSettings = ColumnSettings()
    label_smoothing: LabelSmoothing = LabelSmoothing()
    class_weights: Literal["none", "balanced", "sqrt"] | dict[str, float] = "none"
    hierarchy: Literal["none", "joint"] = "none"
    hierarchy_weight: Positive = 1.0
    target: Literal["nominal", "ordinal"] = "nominal"
    ordinal_scale: Positive = 1.0
    monitor: Literal["auto", "val_accuracy", "val_loss", "val_micro_f1"] = "auto"
    seed: Annotated[int, Field(ge=0)] = 1
    shuffle_buffer: Annotated[int, Field(ge=0)] | None = None
    validation_rows: Annotated[int, Field(ge=0)] = 50_000
    checkpoint_seconds: Positive = 300.0
    mixed_precision: bool = False
    xla: bool = False
    devices: Annotated[int, Field(ge=0)] = 0

    @property
    def answers(self) -> ObjectiveName:
        """The objective whose head gives the exported model's labels."""
        return self.objectives[0] if len(self.objectives) == 1 else self.joint.answers

    @property
    def watched(self) -> str:
        """The figure of an epoch that early stopping watches."""
        if self.monitor != "auto":
            return self.monitor
        return "val_accuracy" if self.answers == "exclusive" else "val_micro_f1"

    @field_validator("objectives")
    @classmethod
    def _each_once(cls, value: list[ObjectiveName]) -> list[ObjectiveName]:
        if len(set(value)) < len(value):
            raise ValueError(f"each objective is named once, got {value}")
        return value

    @field_validator("class_weights", mode="before")
    @classmethod
    def _weights_are_numbers(cls, value: object) -> object:
        if isinstance(value, dict):
            known = all(isinstance(w, int | float) and 0 < w < math.inf for w in value.values())
        else:
            known = value in ("none", "balanced", "sqrt")
        if not known:
            raise ValueError(
                f"expected none, balanced, sqrt or a weight above 0 by class name, got {value!r}"
            )
        # YAML reads a class that is called 5 as a number
        return {str(k): w for k, w in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _options_have_their_objective(self) -> Self:
        exclusive = "exclusive" in self.objectives
        for option, off in (("hierarchy", "none"), ("target", "nominal")):
            if getattr(self, option) != off and not exclusive:
                raise ValueError(
                    f"{option}: {getattr(self, option)} is for exclusive labels, but objectives "
                    f"is {self.objectives}; add exclusive, or set {option} to {off}"
                )
        if self.label_smoothing.categories and not exclusive:
            raise ValueError(
                "label_smoothing.categories is for exclusive labels; rule_based has all of them"
            )
        if self.hierarchy == "joint" and self.level != "full":
            raise ValueError(
                f"hierarchy: joint sums up what is learned at full, but level is {self.level}"
            )
        if self.monitor == "val_micro_f1" and self.answers == "exclusive":
            raise ValueError(
                "monitor: val_micro_f1 is of rule_based, but exclusive answers; "
                "take val_accuracy or val_loss"
            )
        return self
