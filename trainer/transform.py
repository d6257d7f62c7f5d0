"""The transform function of a run, as training reads it."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from configs.artifacts import RunArtifacts
from pipelines import storage
from pipelines.run_files import naming_file


def load_transform(artifacts: RunArtifacts) -> tft.TFTransformOutput:
    """Return the transform function, of which the schema and the graph can be read.

    TensorFlow Transform itself would look only when a trained model is exported.
    """
    path = artifacts.transform_fn
    with naming_file(path, "preprocess", tf.errors.OpError, DecodeError):
        if not storage.exists(path):
            raise FileNotFoundError(path)
        folder = storage.fetched(path)
        transform = tft.TFTransformOutput(folder)
        transform.transformed_feature_spec()
        with open(f"{folder}/{transform.TRANSFORM_FN_DIR}/saved_model.pb", "rb") as file:
            SavedModel.FromString(file.read())
        return transform
