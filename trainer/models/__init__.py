"""The model families, by the name that `training.model` takes."""

from __future__ import annotations

from trainer.models import (
    bag_of_ngrams,
    bow_mlp,
    cnn,
    dense,
    embedding_pool,
    recurrent,
    text_cnn,
    wide_deep,
)
from trainer.models.family import Family

FAMILIES: dict[str, Family] = {
    "cnn": cnn.FAMILY,
    "lstm": recurrent.LSTM,
    "lstm_dropout": recurrent.LSTM_DROPOUT,
    "gru": recurrent.GRU,
    "dense": dense.FAMILY,
    "text_cnn": text_cnn.FAMILY,
    "gru_1": recurrent.GRU_1,
    "gru_4": recurrent.GRU_4,
    "embedding_pool": embedding_pool.FAMILY,
    "bow_mlp": bow_mlp.FAMILY,
    "wide_deep": wide_deep.FAMILY,
    "bag_of_ngrams": bag_of_ngrams.FAMILY,
}
