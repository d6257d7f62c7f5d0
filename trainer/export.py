"""The exported model: raw titles in, labels and probabilities out; it needs no other file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from configs.settings import TextSettings
from trainer.dataset import parse_examples
from transforms.features import RANK, TEXT, TOKEN
from transforms.graphs import cleaning_of

SAVED_MODEL, DESCRIPTION = "model", "model.json"


class TitleClassifier(tf.Module):
    """Cleaning, features, network and label names in one graph.

    `tft.TransformFeaturesLayer` fails inside a Keras 3 functional graph and in `keras.export`; a
    `tf.Module` that holds both and is saved by TensorFlow works.
    """

    def __init__(
        self,
        model: keras.Model,
        features: Sequence[str],
        prepare: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        transform: tft.TFTransformOutput,
        text: TextSettings,
        names: Sequence[str],
        top_k: int,
    ) -> None:
        super().__init__()
        self.features = tuple(features)
        # The network itself must not be an attribute: saving would trace it with made-up inputs.
        self.weights = [variable.value for variable in model.weights]
        self._forward = lambda inputs: model(prepare(inputs), training=False)
        self.transform = transform.transform_features_layer()
        self.names = tf.Variable(list(names), trainable=False, name="names")
        self.top_k = min(top_k, len(names))
        self._clean = cleaning_of(text)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="title")])
    def __call__(self, title: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `labels` string [n, k] and `probabilities` float32 [n, k], the likeliest first.

        `label` [n] and `probability` [n] are the first of each.
        """
        found = self.score(title)
        labels = tf.gather(self.names, found["classes"])
        return {
            "label": labels[:, 0],
            "probability": found["probabilities"][:, 0],
            "labels": labels,
            "probabilities": found["probabilities"],
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="title")])
    def score(self, title: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `classes` int32 [n, k], positions in `names`, and `probabilities` [n, k]."""
        text = self._clean(title)
        blank = tf.zeros_like(text)
        rank = tf.zeros(tf.shape(text), tf.float32)
        return self._top(self.transform({TEXT: text, TOKEN: blank, RANK: rank}))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="example")])
    def score_examples(self, example: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the same for serialised examples [n], as the shards hold them."""
        return self._top(parse_examples(example, self.features))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="example")])
    def probabilities_of_examples(self, example: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `probabilities` of every class, float32 [n, classes], in the order of `names`."""
        return {"probabilities": self._probabilities(parse_examples(example, self.features))}

    def _probabilities(self, features: Mapping[str, Any]) -> tf.Tensor:
        logits = self._forward({name: as_ragged(features[name]) for name in self.features})
        return tf.nn.softmax(tf.cast(logits, tf.float32))

    def _top(self, features: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        top = tf.math.top_k(self._probabilities(features), k=self.top_k)
        return {"classes": top.indices, "probabilities": top.values}


def as_ragged(feature: tf.RaggedTensor | tf.SparseTensor) -> tf.RaggedTensor:
    """Return a feature of variable length as ragged, whichever way tf.Transform gives it."""
    if isinstance(feature, tf.SparseTensor):
        return tf.RaggedTensor.from_sparse(feature)
    return feature


def save_classifier(classifier: TitleClassifier, folder: str, description: dict[str, Any]) -> None:
    """Write the classifier and what it is to a folder."""
    signatures = {
        "serving_default": classifier.__call__,
        "score": classifier.score,
        "score_examples": classifier.score_examples,
        "probabilities_of_examples": classifier.probabilities_of_examples,
    }
    tf.saved_model.save(classifier, f"{folder}/{SAVED_MODEL}", signatures=signatures)
    with tf.io.gfile.GFile(f"{folder}/{DESCRIPTION}", "w") as file:
        file.write(json.dumps(description, indent=2, ensure_ascii=False) + "\n")
