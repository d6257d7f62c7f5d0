"""What a scheduler reads: the gate before a model is promoted, and the running of the DAGs."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from configs.models import ModelName
from configs.section import Count, Positive, Section, Share

Metric = Literal["accuracy", "micro_f1", "macro_f1", "weighted_f1"]
METRIC_NAMES: tuple[str, ...] = get_args(Metric)
Tag = Annotated[str, Field(min_length=1, max_length=100)]


class PromotionSettings(Section):
    """The gate: what a new model may lose against the champion, all in shares from 0 to 1.

    `metric` may fall by `max_drop`, the F1 of a category with at least `min_category_examples` test
    titles by `max_category_drop`, and of the labels of `reference_dump` (any dump that `aisle
    predict` reads; none: not asked) `max_changed_labels` may be others. Only a model of several
    labels a title has a `micro_f1`, and it has no `accuracy`.
    """

    metric: Metric = "accuracy"
    max_drop: Share = 0.0
    max_category_drop: Share = 0.05
    min_category_examples: Count = 30
    reference_dump: str | None = Field(default=None, min_length=1)
    max_changed_labels: Share = 0.1


class ScheduleSettings(Section):
    """How the DAGs run; folders that are not named lie in the prefix (`PrefixArtifacts`).

    `python`: the interpreter that has Aisle; none: the one that runs Airflow. `retrain`: cron, in
    UTC; none: by hand only. `runner`: what follows `--` on the command line, for Beam. A dump is
    taken from the inbox when nobody changed it for `quiet_seconds`; it is quarantined when more
    than `max_rejected` of its rows cannot be read. `webhook` gets a JSON object for each failed
    task and each quarantined dump.
    """

    python: str | None = Field(default=None, min_length=1)
    retrain: str | None = Field(default=None, min_length=1)
    models: list[ModelName] = Field(default_factory=list)
    catalogue: str | None = Field(default=None, min_length=1)
    inbox: str | None = Field(default=None, min_length=1)
    products: str | None = Field(default=None, min_length=1)
    runner: list[str] = Field(default_factory=list)
    max_rejected: Share = 0.5
    quiet_seconds: Positive = 5.0
    poll_seconds: Positive = 5.0
    watch_seconds: Positive = 3600.0
    chunk_rows: Count = 100_000
    retries: Annotated[int, Field(ge=0, le=20)] = 4
    retry_seconds: Positive = 30.0
    max_retry_seconds: Positive = 900.0
    timeout_seconds: Positive = 6 * 3600.0
    scored_at_once: Count = 2
    webhook: str | None = Field(default=None, pattern=r"^https?://")
    owner: Tag = "aisle"
    tags: list[Tag] = Field(default_factory=lambda: ["aisle"])

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.max_retry_seconds < self.retry_seconds:
            raise ValueError(
                f"max_retry_seconds is {self.max_retry_seconds:g}, less than retry_seconds "
                f"({self.retry_seconds:g}); make it at least as long"
            )
        return self
