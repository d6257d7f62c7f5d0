"""The model families, by the name that `training.model` takes."""

from __future__ import annotations

from trainer.models import bag_of_ngrams, cnn
from trainer.models.family import Family

FAMILIES: dict[str, Family] = {
    "bag_of_ngrams": bag_of_ngrams.FAMILY,
    "cnn": cnn.FAMILY,
}
