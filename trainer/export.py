"""The exported model: raw titles and columns in, labels out; it needs no other file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from configs.columns import ColumnFeature
from configs.features import TextSettings
from configs.training import ObjectiveName
from pipelines import storage
from trainer.answers import best_answers
from trainer.columns import raw_type
from trainer.dataset import parse_examples
from trainer.losses import sum_up
from trainer.objectives import Heads, Objective
from transforms.features import RANK, TOKEN
from transforms.graphs import cleaning_of
from transforms.tokens import TEXT, TOKENS

SAVED_MODEL, DESCRIPTION = "model", "model.json"
_TITLE = tf.TensorSpec([None], tf.string, name="title")
_EXAMPLES = [tf.TensorSpec([None], tf.string, name="example")]


class TitleClassifier(tf.Module):
    """Cleaning, features, network and label names in one graph.

    `tft.TransformFeaturesLayer` fails inside a Keras 3 functional graph and in `keras.export`; a
    `tf.Module` that holds both and is saved by TensorFlow works.

    Behind the titles [n] stand the columns that the model sees, in their order, each [n]: float32
    where it is a number (NaN: none), else strings (empty: none). Signatures take them by name.
    """

    def __init__(
        self,
        model: keras.Model,
        features: Sequence[str],
        prepare: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        transform: tft.TFTransformOutput,
        text: TextSettings,
        heads: Heads,
        *,
        answers: ObjectiveName,
        above: Mapping[str, np.ndarray],
        levels: Mapping[str, Sequence[str]],
        top_k: int,
        columns: Mapping[str, ColumnFeature] | None = None,
        passed_over: Mapping[str, ColumnFeature] | None = None,
    ) -> None:
        """`above`: for each level above the one that was learned the class there of each class.

        `passed_over`: columns that the transform function reads, but the model may not.
        """
        super().__init__()
        self.features = tuple(features)
        freeze_recurrent(model)
        # The network itself must not be an attribute: saving would trace it with made-up inputs.
        self.weights = [variable.value for variable in model.weights]
        self._forward = lambda inputs: model(prepare(inputs), training=False)
        self.transform = transform.transform_features_layer()
        self._heads = heads
        self._answering = next(one for one in heads.objectives if one.name == answers)
        self._above = dict(above)
        self.names = _names(self._answering.names)
        more: dict[str, Sequence[str]] = {level: levels[level] for level in self._above}
        more |= {one.name: one.names for one in heads.objectives if one is not self._answering}
        self.more_names = {name: _names(of) for name, of in more.items()}
        self._top_k = top_k
        self._clean = cleaning_of(text)
        self._columns, self._read = dict(columns or {}), {**(passed_over or {}), **(columns or {})}
        self._inputs = [_TITLE, *(_spec(name, of) for name, of in self._columns.items())]
        self.label = _graph(self._label, self._inputs)
        self.score = _graph(self._score, self._inputs)
        self.score_examples = _graph(self._score_examples, _EXAMPLES)
        self.probabilities_of_examples = _graph(self._probabilities_of_examples, _EXAMPLES)
        setattr(self, "__call__", self.label)  # noqa: B010  so that what is loaded can be called

    def __call__(self, title: tf.Tensor, *columns: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `labels`, `probabilities` and the first of each, as `_label` does."""
        found: dict[str, tf.Tensor] = self.label(title, *columns)
        return found

    def _label(self, title: tf.Tensor, *columns: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `labels` string [n, k] and `probabilities` float32 [n, k].

        `label` [n] and `probability` [n] are the first of each: the likeliest class, of a tree the
        deepest likely node (`best_answers`). The others fall by probability.
        """
        found = self.score(title, *columns)  # its graph, which need not be traced anew
        labels = tf.gather(self.names, found["classes"])
        return {
            "label": labels[:, 0],
            "probability": found["probabilities"][:, 0],
            "labels": labels,
            "probabilities": found["probabilities"],
        }

    def _score(self, title: tf.Tensor, *columns: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `classes` int32 [n, k], positions in `names`, and `probabilities` [n, k].

        `wordless` bool [n] tells which titles say nothing: what is found for them is a mere guess.
        """
        text = self._clean(title)
        features = self._of_texts(text, columns)
        found = self._best(self._answer(self._logits(features)))
        return {**found, "wordless": self._wordless(text, features)}

    def _wordless(self, text: tf.Tensor, features: Mapping[str, Any]) -> tf.Tensor:
        """Tell of which titles cleaning leaves no word; beside columns, as in training, nothing."""
        if self._columns:
            return tf.equal(tf.strings.strip(text), "")
        return tf.equal(as_ragged(features[TOKENS]).row_lengths(), 0)

    def _score_examples(self, example: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the same for serialised examples [n], as the shards hold them."""
        return self._best(self._probabilities_of_examples(example)["probabilities"])

    def _probabilities_of_examples(self, example: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `probabilities` float32 [n, classes], in the order of `names`.

        And in that of `more_names` those of another objective, under its name, and of each level
        above, under the level's: the sums of its children.
        """
        logits = self._logits(parse_examples(example, self.features, self._columns))
        return {"probabilities": self._answer(logits), **self._more(logits)}

    def _score_more(self, title: tf.Tensor, *columns: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return, for each of `more_names`, `<name>_labels` and `<name>_probabilities`, [n, k].

        As `__call__` for the other objective, and for the levels above the one that was learned.
        """
        found = {}
        depths = {str(one.name): one.depths for one in self._heads.objectives}
        logits = self._logits(self._of_texts(self._clean(title), columns))
        for name, probabilities in self._more(logits).items():
            top = best_answers(probabilities, self._top_k, depths.get(name))
            found[f"{name}_labels"] = tf.gather(self.more_names[name], top["classes"])
            found[f"{name}_probabilities"] = top["probabilities"]
        return found

    def signatures(self) -> dict[str, Any]:
        """Return the functions by the names under which they are saved."""
        found = {
            "serving_default": self.label,
            "score": self.score,
            "score_examples": self.score_examples,
            "probabilities_of_examples": self.probabilities_of_examples,
        }
        if self.more_names:
            found["score_more"] = _graph(self._score_more, self._inputs)
        return found

    def _of_texts(self, text: tf.Tensor, columns: Sequence[tf.Tensor]) -> Mapping[str, Any]:
        blank = tf.zeros_like(text)
        rank = tf.zeros(tf.shape(text), tf.float32)
        empty = {tf.string: blank, tf.float32: rank}
        further = {name: empty[raw_type(column)] for name, column in self._read.items()}
        further |= dict(zip(self._columns, columns, strict=True))
        return self.transform({TEXT: text, TOKEN: blank, RANK: rank, **further})

    def _logits(self, features: Mapping[str, Any]) -> tf.Tensor:
        return self._forward({name: as_ragged(features[name]) for name in self.features})

    def _answer(self, logits: tf.Tensor) -> tf.Tensor:
        return self._probabilities(self._answering, logits)

    def _probabilities(self, objective: Objective, logits: tf.Tensor) -> tf.Tensor:
        return objective.probabilities(self._heads.logits_of(objective.name, logits))

    def _more(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the probabilities of the other objective, and those summed up the tree."""
        found: dict[str, tf.Tensor] = {}
        for one in self._heads.objectives:
            own = self._probabilities(one, logits)
            if one is not self._answering:
                found[one.name] = own
            if one.name == "exclusive":
                found |= {level: sum_up(own, groups) for level, groups in self._above.items()}
        return found

    def _best(self, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        return best_answers(probabilities, self._top_k, self._answering.depths)


def _graph(method: Callable[..., Any], inputs: Sequence[tf.TensorSpec]) -> Any:
    """Return a method as a graph; it has no branches, so that rewriting it would be for nothing."""
    return tf.function(method, input_signature=inputs, autograph=False)


def _spec(name: str, column: ColumnFeature) -> tf.TensorSpec:
    return tf.TensorSpec([None], raw_type(column), name=name)


def _names(names: Sequence[str]) -> tf.Variable:
    return tf.Variable(list(names), trainable=False, name="names")


def freeze_recurrent(model: keras.Model) -> None:
    """Leave out of recurrent layers what an export has no use for, before they are traced.

    cuDNN's kernels, which only a GPU could run, and the chance of a dropout inside the cell, which
    Keras draws even where it is not used.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.LSTM | keras.layers.GRU):
            layer.use_cudnn = False
            layer.cell.dropout = layer.cell.recurrent_dropout = 0.0
        elif isinstance(layer, keras.Model):
            freeze_recurrent(layer)


def as_ragged(feature: tf.Tensor | tf.RaggedTensor | tf.SparseTensor) -> Any:
    """Return a feature of variable length as ragged, whichever way tf.Transform gives it."""
    if isinstance(feature, tf.SparseTensor):
        return tf.RaggedTensor.from_sparse(feature)
    return feature


def save_classifier(classifier: TitleClassifier, folder: str, description: dict[str, Any]) -> None:
    """Write the classifier and what it is to a folder."""
    with storage.published(f"{folder}/{SAVED_MODEL}") as place:
        tf.saved_model.save(classifier, place, signatures=classifier.signatures())
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    storage.write_bytes(f"{folder}/{DESCRIPTION}", text.encode())
