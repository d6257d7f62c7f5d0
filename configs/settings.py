"""The settings of a catalogue: typed, frozen, validated at load; one YAML file holds them all.

Every section is a frozen pydantic model that refuses unknown keys. A transform or a trainer gets
what it needs from a section by keyword, never the whole `Settings`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from configs.baselines import BaselineSettings
from configs.categories import CategorySettings, Replacement, check_patterns
from configs.columns import ColumnFeatures, check_outputs, check_taken, headers_of
from configs.models import FitSettings, ModelSettings
from configs.runners import RunnerSettings
from configs.schedule import PromotionSettings, ScheduleSettings
from configs.section import (
    Count,
    Delimiter,
    Encoding,
    Level,
    Pattern,
    Section,
    Share,
)
from configs.source import Escape, Quoting, SourceSettings, check_escape, check_items
from configs.stores import StoreSettings
from configs.training import TrainingSettings
from configs.tuning import TuningSettings, check_tuning

_CHARACTER_SIZES, _SMALL_INPUT = (3, 4, 5), 8 << 20
_LEAST_SHARDS, _MOST_SHARDS = 32, 100_000
_SHARD_BYTES = 10 << 20  # of input; a step holds a few times fifty that of each shard in work
_RECORD_BYTES = 100
_LEAST_DUMP_SHARDS, _DUMP_SHARD_BYTES = 8, 40 << 20  # some 400,000 products in memory at once


def _shards(size: int, least: int, at_most: int) -> int:
    """Return `least`, doubled until a shard comes from `at_most` bytes of so many, or fewer."""
    wanted = -(-size // (least * at_most))
    return min(least << max(0, wanted - 1).bit_length(), _MOST_SHARDS)


class TextSettings(Section):
    """Cleaning: lower case, then `replace` (RE2 patterns), trim, single letters, spaces.

    `normalize`: before all that each character is written in one form, where Unicode has several: a
    letter and its accent, wide and narrow ones of Chinese and Japanese, joined or bold letters.
    """

    normalize: bool = True
    lower_case: bool = True
    replace: list[Replacement] = Field(
        default_factory=lambda: [
            Replacement(find=r"[|/]", replace=" "),
            Replacement(find=" - ", replace=", "),
            Replacement(find="-", replace=" "),
            Replacement(find='"', replace=""),
        ]
    )
    drop_single_letters: bool = True

    @field_validator("replace")
    @classmethod
    def _patterns_compile(cls, value: list[Replacement]) -> list[Replacement]:
        return check_patterns(value)


class TokenSettings(Section):
    """Token ids: 0 pads, 1 is any token outside the vocabulary, the rest by falling frequency.

    Before the text is split at white space, what matches the RE2 pattern `strip` is removed
    (apostrophes, and what is not seen: soft hyphens, joiners, marks of direction), and what matches
    `separate` becomes a space: whatever is no letter, digit or mark in any script.

    `vocabulary` is a file with a token a line, as an earlier run has it in
    `transform_fn/transform_fn/assets/tokens`: its tokens keep their ids, whatever is frequent now.
    """

    vocabulary_size: Annotated[int, Field(ge=3)] = 20_000
    vocabulary: Annotated[str, Field(min_length=1)] | None = None
    length: Count = 31
    strip: Pattern = "['\u2019`\u00ad\u200c-\u200f\u2060\ufeff]"
    separate: Pattern = r"[^\pL\pN\pM ]+"


class NgramSettings(Section):
    """Hashed word n-grams of `sizes` in `buckets` buckets, one id per n-gram, repeats kept.

    `character_sizes` adds those of the characters of each word, its edges among them; none: 3 to 5
    for an input of up to 8 MiB, and no size for a larger one.
    """

    sizes: list[Annotated[int, Field(ge=1, le=5)]] = Field(default=[1, 2], min_length=1)
    character_sizes: list[Annotated[int, Field(ge=2, le=8)]] | None = None
    buckets: Annotated[int, Field(ge=2, le=1 << 26)] = 16_777_216

    def of_input(self, size: int) -> NgramSettings:
        """Return the settings for an input of so many bytes, with nothing left open."""
        if self.character_sizes is not None:
            return self
        chosen = _CHARACTER_SIZES if size <= _SMALL_INPUT else ()
        return self.model_copy(update={"character_sizes": list(chosen)})


class FeatureSettings(Section):
    """What the models see of a title, and of further columns of its first record."""

    tokens: TokenSettings = TokenSettings()
    ngrams: NgramSettings = NgramSettings()
    columns: Annotated[ColumnFeatures, AfterValidator(check_outputs)] = Field(default_factory=dict)


class SplitSettings(Section):
    """Shares of the distinct titles; a title's part follows from its text and `key` alone."""

    train: Share = 0.6
    valid: Share = 0.2
    test: Share = 0.2
    key: Annotated[int, Field(ge=0, lt=1 << 63)] = 20_190_401

    @model_validator(mode="after")
    def _adds_to_one(self) -> Self:
        total = self.train + self.valid + self.test
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"train + valid + test must add to 1, got {total:g}")
        if not self.train:
            raise ValueError("train must be above 0")
        return self


class ExclusiveSettings(Section):
    """One class per title at `level`; `conflicts` says what becomes of a title in several.

    `first`: by file and line; `deepest`: of those with most parts the first, for shops that name
    `Men` beside `Men > Shoes`; `drop`: none; `all`: an example of each.
    """

    level: Level = "main"
    conflicts: Literal["first", "deepest", "drop", "all"] = "first"


class ObjectiveSettings(Section):
    """The two objectives that preprocessing writes; `rule_based: false` leaves the second out."""

    exclusive: ExclusiveSettings = ExclusiveSettings()
    rule_based: bool = True


class PreprocessSettings(Section):
    """Shape of the output of preprocessing and of the batches that flow through it.

    `num_shards`: of each objective and split; none: 32, doubled until a shard comes from 10 MiB of
    input at most. Steps hold a few shards in memory at once, so that memory stays the same.
    `batch_rows`: of a step; none: 32,768, or up to 131,072 with more shards, so that what a batch
    has of each is not too small. `rows`: for a quick run, about how many records to take: the
    first ones of each file, the same number of each, and one at least; none: all. `incremental`
    keeps what was made of each file and of all titles beside the runs, and applies what files that
    are new or changed make different; not with `rows`.
    """

    rows: Count | None = None
    num_shards: Annotated[int, Field(ge=1, le=_MOST_SHARDS)] | None = None
    batch_rows: Count | None = None
    compression_level: Annotated[int, Field(ge=0, le=3)] = 1
    incremental: bool = False

    def shards_of(self, size: int) -> int:
        """Return how many shards to make of an input of so many bytes.

        >>> [PreprocessSettings().shards_of(mebibytes << 20) for mebibytes in (1, 320, 321, 3200)]
        [32, 32, 64, 512]
        """
        if self.num_shards is not None:
            return self.num_shards
        return _shards(self.taken_of(size), _LEAST_SHARDS, _SHARD_BYTES)

    def taken_of(self, size: int) -> int:
        """Return about how many bytes are taken of an input of so many."""
        return size if self.rows is None else min(size, self.rows * _RECORD_BYTES)

    def batch_rows_of(self, shards: int) -> int:
        """Return how many rows to put into a batch that is cut into so many shards."""
        return self.batch_rows or min(max(32_768, 1_024 * shards), 131_072)


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


class DumpSettings(Section):
    """The product dumps: their columns and how the predictions are cut.

    `title_join` names columns that make up the title together, as `source.columns.title_join`;
    `items` says where the records of JSON documents and XML are, as `source.items`; `columns` are
    those of `features.columns` that are headed otherwise here; `header`, `skip_lines` and `escape`
    are as in `source`; `rules` is a YAML file of the analysts' rules (`configs/rules.py`).
    `reuse_scores` takes what the same export said of a title in an earlier dump of the prefix; each
    worker holds that in memory, 50 bytes a title.
    `num_shards`: of the predictions; none: 8, doubled until a shard comes from 40 MiB of the dump
    at most, for the products of a shard are in memory together.
    """

    id: str = "id"
    title: str = "title"
    title_join: list[str] = Field(default_factory=list)
    columns: dict[str, str] = Field(default_factory=dict)
    format: Literal["auto", "csv", "tsv", "jsonl", "json", "xml", "parquet"] = "auto"
    items: str | None = None
    delimiter: Delimiter | None = None
    quoting: Quoting = "rfc4180"
    escape: Escape | None = None
    header: list[str] = Field(default_factory=list)
    skip_lines: Annotated[int, Field(ge=0)] = 0
    encoding: Encoding = "utf-8"
    max_record_bytes: Count = 1 << 20
    top_k: Count = 5
    rules: str | None = None
    reuse_scores: bool = False
    num_shards: Annotated[int, Field(ge=1, le=_MOST_SHARDS)] | None = None
    batch_rows: Count = 4096

    @model_validator(mode="after")
    def _items_where_they_are(self) -> Self:
        check_items(self.format, self.items)
        check_escape(self.format, self.quoting, self.escape)
        if (self.header or self.skip_lines) and self.format not in ("auto", "csv", "tsv"):
            raise ValueError(f"header and skip_lines are for csv and tsv, not {self.format}")
        return self

    def shards_of(self, size: int) -> int:
        """Return how many shards to make of a dump of so many bytes."""
        return self.num_shards or _shards(size, _LEAST_DUMP_SHARDS, _DUMP_SHARD_BYTES)


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
