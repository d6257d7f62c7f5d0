"""Two logical CPUs stand in for two GPUs: families learn on both what they learn on one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chain import on_one_and_two_devices, open_shop
from small_models import sets

from configs.models import ModelSettings
from configs.settings import Settings

# One of each kind: dense gradients, a recurrent one, and each of those that step rows of a table.
MODELS = ["cnn", "gru_1", "bow_mlp", "wide_deep", "bag_of_ngrams"]


@pytest.fixture(scope="module")
def histories(
    tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings, tiny_catalogue: Path
) -> dict[str, Any]:
    shop = open_shop(tmp_path_factory.mktemp("devices"), tiny_settings)
    assert shop("preprocess", "--input", tiny_catalogue).status == 0
    return on_one_and_two_devices(shop, {name: without_chance(name) for name in MODELS})


def without_chance(name: str) -> list[str]:
    """Return the settings of a small model that draws nothing by chance once it has begun."""
    section = type(getattr(ModelSettings(), name))
    dropouts = [key for key in section.model_fields if key.endswith("dropout")]
    return [*sets(name), *(f"models.{name}.{key}=0.0" for key in dropouts)]


@pytest.mark.parametrize("name", MODELS)
def test_two_devices_learn_what_one_does(histories: dict[str, Any], name: str) -> None:
    """The same batches, halved, give the same steps."""
    one, two = histories[name]["one"], histories[name]["two"]
    assert one[1]["loss"] < one[0]["loss"]
    for alone, together in zip(one, two, strict=True):
        assert together == pytest.approx(alone, rel=1e-3)
