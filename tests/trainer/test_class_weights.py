"""Class weights: by count, or by name."""

from __future__ import annotations

import numpy as np
import pytest

from configs.errors import UsageError
from trainer.class_weights import check_class_names, class_weights

NAMES = ["few", "many", "none"]
COUNTS = np.array([1, 9, 0])


def test_balanced_is_scikit_learns_over_the_classes_that_occur() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    truth = np.repeat([0, 1], COUNTS[:2])
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=truth)
    found = class_weights("balanced", NAMES, lambda: COUNTS)
    assert found is not None
    np.testing.assert_allclose(found, [*expected, 1.0], rtol=1e-6)


@pytest.mark.parametrize("setting", ["balanced", "sqrt"])
def test_the_mean_weight_of_the_examples_is_one(setting: str) -> None:
    found = class_weights(setting, NAMES, lambda: COUNTS)
    assert found is not None
    assert (found * COUNTS).sum() == pytest.approx(COUNTS.sum())
    assert found[0] / found[1] == pytest.approx(9.0 if setting == "balanced" else 3.0)


def test_weights_by_name_leave_the_others_at_one_and_count_nothing() -> None:
    found = class_weights({"many": 0.5}, NAMES, lambda: pytest.fail("counted"))
    assert found is not None
    assert found.tolist() == [1.0, 0.5, 1.0]
    assert class_weights("none", NAMES, lambda: pytest.fail("counted")) is None


def test_a_class_that_there_is_not_is_named() -> None:
    check_class_names({"many": 0.5}, NAMES)
    with pytest.raises(UsageError, match="no class is called 'mnay'; the examples have few, many"):
        check_class_names({"mnay": 0.5}, NAMES)
