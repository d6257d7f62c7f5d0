"""The course notebook's 1D-CNN: two strided convolutions over token embeddings."""

from __future__ import annotations

from trainer import networks
from trainer.models.tokens import notebook_family

FAMILY = notebook_family("cnn", networks.cnn, compiles=True)
