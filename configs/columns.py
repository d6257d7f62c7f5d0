"""Settings of features beside the title: further columns as text, as categories, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from configs.section import Count, Section

TextForm = Literal["ids", "ngrams", "bow", "tfidf"]
_OF_TITLE = {"title", "text", "tokens", "ngrams", "label", "labels", "categories"}
_RESERVED = _OF_TITLE | {"category", "key", "part", "file", "line", "token", "rank", "id"}
_RESERVED |= {"distinct", "position", "row", "rows"}  # what `bag_of_ngrams` makes of the n-grams


Output = Literal["int", "ints", "float", "floats"]


class ColumnSettings(Section):
    """What a model sees beside the title: `names` of `features.columns`, or `all` of them.

    In families that have no way of their own for them, a hidden layer of `hidden_units` sees them
    together (0: none), and the last layer sees them and it beside what the family made of the
    title. `wide_deep` has hidden layers for both.
    """

    names: Literal["all"] | list[str] = "all"
    hidden_units: Annotated[int, Field(ge=0)] = 32


class _ColumnFeature(Section):
    """A feature made of a column, by default the one of its own name; `outputs` names its parts."""

    column: str | None = None

    def outputs(self, name: str) -> dict[str, Output]:
        """Return what it writes to an example and how: one number, or any number of them."""
        raise NotImplementedError


class TextColumn(_ColumnFeature):
    """A column as text, cleaned and cut into words like the title.

    `give`: `<name>_ids`, the first `length` words by frequency in training titles, 1 for others;
    `<name>_ngrams`, hashed; `<name>_bow`, the distinct known words; `<name>_tfidf`, the weight of
    each word of `<name>_bow` (https://www.tensorflow.org/tfx/transform/api_docs/python/tft/tfidf).
    A model sees each of them as a bag: `embedding_width` numbers a word or n-gram, their mean; null
    gives each a weight of its own for every class.
    """

    kind: Literal["text"]
    give: list[TextForm] = Field(default=["ids", "ngrams"], min_length=1)
    vocabulary_size: Annotated[int, Field(ge=3)] = 5000
    length: Count = 31
    sizes: list[Annotated[int, Field(ge=1, le=5)]] = Field(default=[1, 2], min_length=1)
    buckets: Annotated[int, Field(ge=2, le=1 << 31)] = 65_536
    embedding_width: Count | None = 32

    def outputs(self, name: str) -> dict[str, Output]:
        forms = {*self.give, *(["bow"] if "tfidf" in self.give else [])}
        return {f"{name}_{form}": "floats" if form == "tfidf" else "ints" for form in sorted(forms)}


class CategoricalColumn(_ColumnFeature):
    """A column as one of its `top_k` most frequent values: 0 for none, 1 for any other value.

    A model sees it as `embedding_width` numbers a value, or without one as one-hot.
    """

    kind: Literal["categorical"]
    top_k: Count = 1000
    embedding_width: Count | None = None

    def outputs(self, name: str) -> dict[str, Output]:
        return {name: "int"}


class DenseColumn(_ColumnFeature):
    """A column as a number less the mean, by the standard deviation, of the training titles.

    A missing value is `default`, or without one the mean. `decimal` stands before decimals; between
    thousands there may be the other of point and comma, a space or an apostrophe.
    """

    kind: Literal["dense"]
    decimal: Literal[".", ","] = "."
    default: float | None = None

    def outputs(self, name: str) -> dict[str, Output]:
        return {name: "float"}


def _not_reserved(name: str) -> str:
    if name in _RESERVED:
        raise ValueError(f"{name!r} is taken; give the feature another name and set its column")
    return name


FeatureName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$"), AfterValidator(_not_reserved)]
ColumnFeature = Annotated[TextColumn | CategoricalColumn | DenseColumn, Field(discriminator="kind")]
ColumnFeatures = dict[FeatureName, ColumnFeature]


def check_outputs(columns: ColumnFeatures) -> ColumnFeatures:
    """Return the features; raise `ValueError` where two of them write the same name."""
    written = [output for name, column in columns.items() for output in column.outputs(name)]
    twice = sorted({output for output in written if written.count(output) > 1})
    if twice:
        raise ValueError(f"two features write {twice[0]!r} to the examples; rename one")
    return columns


def check_taken(names: list[str] | Literal["all"], columns: ColumnFeatures) -> None:
    """Raise `ValueError` where a model is to see a feature that there is not."""
    for name in [] if names == "all" else names:
        if name not in columns:
            raise ValueError(
                f"training.columns.names has {name!r}, but features.columns has only "
                f"{sorted(columns)}"
            )


def read_columns(description: Mapping[str, Any]) -> ColumnFeatures:
    """Return the columns that an export's description says the model sees."""
    found: ColumnFeatures = TypeAdapter(ColumnFeatures).validate_python(
        description.get("columns", {})
    )
    return found


def headers_of(columns: Mapping[str, ColumnFeature]) -> dict[str, str]:
    """Return for each feature the header of its column."""
    return {name: column.column or name for name, column in columns.items()}


def outputs_of(columns: Mapping[str, ColumnFeature]) -> dict[str, Output]:
    """Return everything that the features write to an example, and how."""
    found: dict[str, Output] = {}
    for name, column in columns.items():
        found |= column.outputs(name)
    return found
