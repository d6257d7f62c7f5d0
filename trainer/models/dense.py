"""The course notebook's dense model: two layers on every token, the mean over the tokens."""

from __future__ import annotations

from trainer import networks
from trainer.models.tokens import notebook_family

FAMILY = notebook_family("dense", networks.dense, compiles=True)
