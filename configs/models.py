"""Hyper-parameters of each model, by the name that `training.model` takes."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from configs.section import Count, Positive, Section

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
Members = Annotated[int, Field(ge=1, le=64)]
_TITLES_ENOUGH, _TITLES_OF_A_CLASS = 3000, 100
_MOST_PASSES, _MOST_TITLES = 16, 2_000_000
_MEMBERS, _TITLES_OF_ALL_MEMBERS = 4, 200_000
_HIDDEN_UNITS = 64
_LEAST_WIDTH, _MOST_WIDTH, _MOST_NUMBERS = 32, 128, 1 << 27  # float16: a quarter of a gigabyte


class FitSettings(Section):
    """How long and in what steps any model is fitted; `patience` counts epochs without gain.

    `batch_size` is the most there may be in a step: a small catalogue gets smaller batches, so
    that an epoch has some 250 steps. `epochs` may be null (see `epochs_of`). `members` is how many
    networks are fitted, each from its own seed and in its own order, of which the export gives the
    mean; it may be null (see `members_of`).
    """

    batch_size: Count = 512
    epochs: Count | None = 5
    patience: Count = 2
    learning_rate: Positive = 0.001
    members: Members | None = 1

    @property
    def least_length(self) -> int:
        """How many tokens `features.tokens.length` must leave of a title for the model to work."""
        return 1

    def epochs_of(self, titles: int, of_class: float) -> int:
        """Return `epochs`; where null one pass over `titles`, or as many as few titles need.

        Until some 3,000 were seen, and 100 of a class that is neither large nor small, which has
        `of_class` of them; never more than 16, nor two million titles in more than one.
        """
        wanted = max(_TITLES_ENOUGH / titles, _TITLES_OF_A_CLASS / of_class)
        most = min(_MOST_PASSES, _MOST_TITLES // titles)
        return self.epochs or max(1, min(most, math.ceil(wanted)))

    def members_of(self, titles: int) -> int:
        """Return `members`; where null as many as see 200,000 titles in a pass, 4 at most."""
        return self.members or min(_MEMBERS, max(1, _TITLES_OF_ALL_MEMBERS // titles))


class CnnSettings(FitSettings):
    """The course notebook's 1D-CNN: two convolutions over token embeddings, max over time."""

    embedding_width: Count = 128
    filters: Count = 128
    kernel_size: Count = 7
    strides: Count = 3
    hidden_units: Count = 128
    dropout: Rate = 0.5

    @property
    def least_length(self) -> int:
        """The first convolution must leave the second one a whole kernel."""
        return (self.kernel_size - 1) * self.strides + self.kernel_size


class RecurrentSettings(FitSettings):
    """The course notebook's LSTM and GRU: recurrent layers over token embeddings."""

    embedding_width: Count = 128
    units: Count = 128
    layers: Count = 2
    dropout: Rate = 0.5


class LstmDropoutSettings(RecurrentSettings):
    """The notebook's LSTM with dropout inside its layers: of what comes in, and of the state."""

    input_dropout: Rate = 0.5
    recurrent_dropout: Rate = 0.5


class DenseSettings(FitSettings):
    """The notebook's dense model: two layers on every token, the mean over the tokens."""

    embedding_width: Count = 128
    hidden_units: Count = 256
    dropout: Rate = 0.5


class VectorFile(Section):
    """A file of word vectors, `.gz` or not."""

    path: str = Field(min_length=1)
    format: Literal["auto", "glove", "word2vec_text", "word2vec_binary"] = "auto"


class VectorSettings(VectorFile):
    """Vectors of the model's `embedding_width`.

    `trained`: whether they go on learning, or stay as they are.
    """

    trained: bool = True


class NgramVectorSettings(VectorFile):
    """Vectors of `width` numbers for hashed words: those of training, and all others of the file.

    They stay as they are. All of them are part of the export.
    """

    width: Count


class WordSettings(FitSettings):
    """What the models share that may start from word vectors."""

    embedding_width: Count = 128
    vectors: VectorSettings | None = None


class TextCnnSettings(WordSettings):
    """Kim's CNN: kernels of several widths side by side, each one's maximum over time.

    `max_norm` is the largest norm of a class's weights (Kim's constraint); null sets no bound.
    """

    kernel_sizes: list[Count] = Field(default=[3, 4, 5], min_length=1)
    filters: Count = 100
    dropout: Rate = 0.5
    max_norm: Positive | None = 3.0


class GruSettings(WordSettings):
    """One GRU layer, or four; dropout before each and after the last."""

    embedding_width: Count = 100
    units: Count = 128
    dropout: Rate = 0.2


class EmbeddingPoolSettings(WordSettings):
    """The maximum or the mean of a title's word embeddings, and a hidden layer."""

    pool: Literal["max", "mean"] = "max"
    hidden_units: Count = 128
    dropout: Rate = 0.2


class BowMlpSettings(FitSettings):
    """A binary bag of words and two hidden layers."""

    hidden_units: Count = 200
    activation: Literal["relu", "sigmoid", "tanh"] = "relu"
    dropout: Rate = 0.0


class WideDeepSettings(FitSettings):
    """A linear model of hashed n-grams beside hidden layers on the mean of word embeddings.

    `wide_buckets` is how many rows the linear part has: the buckets of the n-grams are folded into
    them, as each has a weight for every class. `learning_rate` is for what is looked up,
    `dense_learning_rate` for the rest. `input_dropout` is the share of a title's n-grams and words,
    and of those of its columns, that a step does not see: for few titles with much text.

    What makes the linear part like a linear model on TF-IDF: `unit_rows` shows it the n-grams, and
    each bag of a column, as a vector of length 1, however much text there is; `number_bins` are the
    widths of bins, in standard deviations, in which it sees each number besides (none: only as it
    is); `constant_bias` is added to the logits of all classes in place of a bias that is learned
    for each: with many rare labels the learned ones rank the frequent labels too high.
    """

    batch_size: Count = 1024
    epochs: Count | None = 2
    learning_rate: Positive = 0.05
    dense_learning_rate: Positive = 0.05
    wide_buckets: Count = 262_144
    embedding_width: Count = 64
    hidden_units: list[Count] = Field(default=[128, 64], min_length=1)
    dropout: Rate = 0.2
    input_dropout: Rate = 0.0
    unit_rows: bool = False
    number_bins: list[Annotated[float, Field(ge=0.01, le=4.0)]] = Field(default_factory=list)
    constant_bias: Annotated[float, Field(allow_inf_nan=False)] | None = None


class BagOfNgramsSettings(FitSettings):
    """The flagship: a weighted mean of hashed n-gram embeddings, a hidden layer, a softmax.

    `learning_rate` is for the rows of the table, `dense_learning_rate` for the rest; the latter
    falls in a line to a twentieth over the run. One pass is best where a class has hundreds of
    titles: `epochs` is null (see `FitSettings.epochs_of`). The fewer the titles, the more the mean
    of several is better than one: `members` is null (see `FitSettings.members_of`). So is
    `embedding_width` (see `width_of`), and so is `hidden_units`: 64, but none where titles are
    shown several times. With `vectors` the mean of a title's word vectors stands beside the bag.

    Each n-gram of training has a row of its own while `most_rows` suffice; beyond that those that
    occur once share rows, and memory grows no more. Null sets no bound.
    """

    batch_size: Count = 2048
    epochs: Count | None = None
    members: Members | None = None
    patience: Count = 3
    learning_rate: Positive = 0.3
    dense_learning_rate: Positive = 0.15
    embedding_width: Count | None = None
    most_rows: Annotated[int, Field(ge=4)] | None = 4_000_000
    hidden_units: Annotated[int, Field(ge=0)] | None = None
    vectors: NgramVectorSettings | None = None

    def hidden_of(self, passes: int) -> int:
        """Return `hidden_units`; where null 64 if each title is shown once, else none.

        What the layer adds are mistakes where a class has few titles.
        """
        if self.hidden_units is not None:
            return self.hidden_units
        return _HIDDEN_UNITS if passes == 1 else 0

    def width_of(self, classes: int, rows: int) -> int:
        """Return `embedding_width`; where null 32, doubled until it is a third of `classes`.

        But 128 at most, and no table of so many `rows` is made larger than a quarter of a gigabyte.
        """
        if self.embedding_width is not None:
            return self.embedding_width
        width = _LEAST_WIDTH
        while width < min(_MOST_WIDTH, classes / 3) and 2 * width * rows <= _MOST_NUMBERS:
            width *= 2
        return width


class ModelSettings(Section):
    """One section a model; a model that is not named keeps its defaults."""

    cnn: CnnSettings = CnnSettings()
    lstm: RecurrentSettings = RecurrentSettings()
    lstm_dropout: LstmDropoutSettings = LstmDropoutSettings()
    gru: RecurrentSettings = RecurrentSettings()
    dense: DenseSettings = DenseSettings()
    text_cnn: TextCnnSettings = TextCnnSettings()
    gru_1: GruSettings = GruSettings()
    gru_4: GruSettings = GruSettings()
    embedding_pool: EmbeddingPoolSettings = EmbeddingPoolSettings()
    bow_mlp: BowMlpSettings = BowMlpSettings()
    wide_deep: WideDeepSettings = WideDeepSettings()
    bag_of_ngrams: BagOfNgramsSettings = BagOfNgramsSettings()


def check_model(name: str) -> str:
    """Return the name of a model; raise `ValueError` for what is none."""
    if name not in ModelSettings.model_fields:
        raise ValueError(f"no such model: {name!r}; one of {', '.join(ModelSettings.model_fields)}")
    return name


ModelName = Annotated[str, AfterValidator(check_model)]
