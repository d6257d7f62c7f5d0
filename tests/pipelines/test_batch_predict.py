"""Scoring a batch: an export gets the title, and by name the further columns that it takes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import tensorflow as tf

from pipelines.predict_parts import score
from transforms.predictions import Provenance

SOME = Provenance("run", "model", "a", "b", "c")


class Priced(tf.Module):
    """A model that takes a price and a maker: dear things of Acme are class 1."""

    def __init__(self) -> None:
        super().__init__()
        self.names = tf.Variable(["cheap", "dear"], trainable=False)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="title"),
            tf.TensorSpec([None], tf.float32, name="price"),
            tf.TensorSpec([None], tf.string, name="maker"),
        ]
    )
    def score(self, title: tf.Tensor, price: tf.Tensor, maker: tf.Tensor) -> dict[str, tf.Tensor]:
        dear = tf.cast((price > 10) & (maker == "Acme") & (title != ""), tf.int32)
        shares = tf.ones_like(price)[:, None] * [[0.75, 0.25]]
        return {"classes": tf.stack([dear, 1 - dear], axis=1), "probabilities": shares}


def test_further_columns_are_inputs_of_the_model_by_their_names(tmp_path: Path) -> None:
    model = Priced()
    tf.saved_model.save(model, str(tmp_path), signatures={"score": model.score})
    columns = {
        "file": pa.array([0, 0, 0], pa.int32()),
        "line": [2, 3, 4],
        "id": ["1", "2", "3"],
        "title": ["Bed", "Cot", "Bib"],
        "key": [5, 6, 7],
        "maker": ["Acme", "", "Acme"],
        "price": pa.array([99.0, 99.0, float("nan")], pa.float32()),
    }
    rows = pa.RecordBatch.from_pydict({n: pa.array(v) for n, v in columns.items()})
    found, wordless = score(rows, str(tmp_path), 1, SOME)
    assert found.column("label").to_pylist() == ["dear", "cheap", "cheap"]
    assert found.column("labels").to_pylist() == [["dear"], ["cheap"], ["cheap"]]
    assert wordless.tolist() == [False] * 3  # an export that does not tell knows of none
