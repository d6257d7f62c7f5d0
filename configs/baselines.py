"""What a model is compared with: linear models and naive Bayes on hashed n-grams."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.section import Count, Positive, Section

BaselineName = Literal["logistic_regression", "linear_svm", "naive_bayes"]
LINEAR: tuple[BaselineName, ...] = ("logistic_regression", "linear_svm")


class LinearSettings(Section):
    """A linear model on TF-IDF; `c` weighs the examples against the regulariser, as in liblinear.

    `passes` is how often the examples are read while it is fitted.
    """

    c: Positive = 10.0
    passes: Count = 3


class NaiveBayesSettings(Section):
    """Counts of n-grams by class; `complement` takes those of all other classes instead.

    Rennie et al. 2003, https://people.csail.mit.edu/jrennie/papers/icml03-nb.pdf.
    """

    kind: Literal["complement", "multinomial"] = "complement"
    smoothing: Positive = 1.0


class BaselineSettings(Section):
    """The baselines of a report; one linear model at least is always among them.

    `rows`: how many titles of the train part they learn from, 0 for all. Their features are the
    n-grams of the examples in 2^`hash_bits` buckets, or fewer where there are many classes;
    `batch_rows` titles are in memory at a time. Where a title has any number of labels the
    baseline is `one_vs_rest`, logistic regression for each label alone.
    """

    models: list[BaselineName] = Field(default=["logistic_regression", "linear_svm"])
    rows: Annotated[int, Field(ge=0)] = 200_000
    hash_bits: Annotated[int, Field(ge=8, le=24)] = 20
    batch_rows: Count = 65_536
    logistic_regression: LinearSettings = LinearSettings()
    linear_svm: LinearSettings = LinearSettings(c=3.0)
    one_vs_rest: LinearSettings = LinearSettings(c=30.0)
    naive_bayes: NaiveBayesSettings = NaiveBayesSettings()

    @model_validator(mode="after")
    def _one_is_linear(self) -> Self:
        if not set(LINEAR) & set(self.models):
            raise ValueError(
                f"models must name {' or '.join(LINEAR)}: a report without a linear model does not "
                f"say what a network is worth; got {self.models}"
            )
        return self
