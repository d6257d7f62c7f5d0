"""Two logical CPUs stand in for two GPUs: families learn on both what they learn on one."""

from __future__ import annotations

from typing import Any

import pytest
from chain import on_one_and_two_devices
from small_models import sets
from tiny_shop import OpenShop

from configs.models import ModelSettings

pytestmark = pytest.mark.system

# One of each kind: dense gradients, a recurrent one, and each of those that step rows of a table.
MODELS = ["cnn", "gru_1", "bow_mlp", "wide_deep", "bag_of_ngrams"]


@pytest.fixture(scope="module")
def histories(preprocessed_shop: OpenShop) -> dict[str, Any]:
    shop = preprocessed_shop("devices")
    chosen = {name: without_chance(name) for name in MODELS}
    chosen["members"] = [*chosen["bag_of_ngrams"], "models.bag_of_ngrams.members=2"]
    return on_one_and_two_devices(shop, chosen)


def without_chance(name: str) -> list[str]:
    """Return the settings of a small model that draws nothing by chance once it has begun."""
    section = type(getattr(ModelSettings(), name))
    dropouts = [key for key in section.model_fields if key.endswith("dropout")]
    return [*sets(name), *(f"models.{name}.{key}=0.0" for key in dropouts)]


@pytest.mark.parametrize("name", [*MODELS, "members"])
def test_two_devices_learn_what_one_does(histories: dict[str, Any], name: str) -> None:
    """The same batches, halved, give the same steps."""
    one, two = histories[name]["one"], histories[name]["two"]
    assert one[1]["loss"] < one[0]["loss"]
    for alone, together in zip(one, two, strict=True):
        assert together == pytest.approx(alone, rel=1e-3)
