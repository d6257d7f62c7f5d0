"""The settings of a catalogue: typed, frozen, validated at load; one YAML file holds them all.

Every section is a frozen pydantic model that refuses unknown keys; it is declared here or in the
file that it is imported from. A transform or a trainer gets what it needs from a section by
keyword, never the whole `Settings`.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from configs.baselines import BaselineSettings
from configs.categories import CategorySettings
from configs.columns import check_taken, headers_of
from configs.dump import DumpSettings
from configs.features import FeatureSettings, TextSettings
from configs.models import FitSettings, ModelSettings
from configs.preprocess import ObjectiveSettings, PreprocessSettings, SplitSettings
from configs.runners import RunnerSettings
from configs.schedule import PromotionSettings, ScheduleSettings
from configs.section import Count, Section
from configs.source import SourceSettings
from configs.stores import StoreSettings
from configs.training import TrainingSettings
from configs.tuning import TuningSettings, check_tuning


class EvaluationSettings(Section):
    """What the evaluation reports.

    `threshold`: the score from which a label is an answer, where a title may have several; figures
    at the best threshold of the valid part stand beside. `calibration_rows`: how many titles of the
    valid part that threshold and the temperature are fitted on. `price_per_core_hour`: what a core
    costs an hour, in any currency, for the cost of a million titles.
    """

    top_k: Count = 3
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    calibration_rows: Count = 20_000
    price_per_core_hour: Annotated[float, Field(ge=0.0)] = 0.05
    calibration_bins: Annotated[int, Field(ge=2)] = 15
    baselines: BaselineSettings = BaselineSettings()
    batch_size: Count = 4096


class Settings(Section):
    """All settings of one catalogue."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    source: SourceSettings = SourceSettings()
    categories: CategorySettings = CategorySettings()
    text: TextSettings = TextSettings()
    features: FeatureSettings = FeatureSettings()
    split: SplitSettings = SplitSettings()
    objectives: ObjectiveSettings = ObjectiveSettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    training: TrainingSettings = TrainingSettings()
    models: ModelSettings = ModelSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    tuning: TuningSettings = TuningSettings()
    dump: DumpSettings = DumpSettings()
    store: StoreSettings = StoreSettings()
    pipeline: RunnerSettings = RunnerSettings()
    promotion: PromotionSettings = PromotionSettings()
    schedule: ScheduleSettings = ScheduleSettings()

    @model_validator(mode="before")
    @classmethod
    def _level_of_the_examples(cls, document: Any) -> Any:
        """Let the level of the examples be what is learned, where `training` names none."""
        if not isinstance(document, dict):
            return document
        objectives, training = document.get("objectives"), document.get("training", {})
        exclusive = objectives.get("exclusive") if isinstance(objectives, dict) else None
        level = exclusive.get("level") if isinstance(exclusive, dict) else None
        if level is None or not isinstance(training, dict) or "level" in training:
            return document
        return {**document, "training": {**training, "level": level}}

    def of_input(self, size: int) -> Settings:
        """Return the settings for an input of so many bytes: the n-grams follow from it."""
        ngrams = self.features.ngrams.of_input(self.preprocess.taken_of(size))
        features = self.features.model_copy(update={"ngrams": ngrams})
        return self.model_copy(update={"features": features})

    @model_validator(mode="after")
    def _columns_exist(self) -> Self:
        for header in headers_of(self.features.columns).values():
            self.source.check_columns("features.columns", [header], [header])
        check_taken(self.training.columns.names, self.features.columns)
        unknown = sorted(self.dump.columns.keys() - self.features.columns.keys())
        if unknown:
            raise ValueError(
                f"dump.columns names {unknown[0]!r}, but features.columns has only "
                f"{sorted(self.features.columns)}"
            )
        columns = self.categories.columns
        repeated = [name for name in columns if name in self.source.repeated_fields]
        if columns:
            self.source.check_columns("categories.columns", columns, columns)
        labels = self.categories.lists == "labels"
        if repeated and labels and (len(columns) > 1 or self.categories.label_separator):
            raise ValueError(
                f"categories.columns has the repeated field {repeated[0]!r}, which holds whole "
                "categories: name no other column and no label_separator beside it"
            )
        if not labels and not any(map(self.source.may_hold_lists, columns)):
            raise ValueError(
                "categories.lists: path is for columns that may hold lists, of jsonl, json, xml, "
                f"parquet or repeated fields; with source.format: {self.source.format} {columns} "
                "are texts: leave it out"
            )
        return self

    @model_validator(mode="after")
    def _levels_exist(self) -> Self:
        known = {*self.categories.levels, "full"}
        for where, level in (
            ("objectives.exclusive.level", self.objectives.exclusive.level),
            ("training.level", self.training.level),
        ):
            if level not in known:
                raise ValueError(
                    f"{where} is {level!r}, but categories.levels has only {sorted(known)}"
                )
        return self

    @model_validator(mode="after")
    def _objectives_are_written(self) -> Self:
        if "rule_based" in self.training.objectives and not self.objectives.rule_based:
            raise ValueError(
                "training.objectives names rule_based, but objectives.rule_based is false: "
                "preprocessing would write no examples of it"
            )
        return self

    @model_validator(mode="after")
    def _titles_are_long_enough(self) -> Self:
        name, length = self.training.model, self.features.tokens.length
        model: FitSettings = getattr(self.models, name)
        if length < model.least_length:
            raise ValueError(
                f"models.{name} needs features.tokens.length of {model.least_length} or more, "
                f"got {length}"
            )
        return self

    @model_validator(mode="after")
    def _tuning_is_possible(self) -> Self:
        check_tuning(self, self.tuning)
        return self
