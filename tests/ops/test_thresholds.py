from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.ops.thresholds import ACTIVITYNET_THRESHOLDS, check_thresholds, threshold_name


def test_default_equals_the_official_spacing_to_the_bit() -> None:
    assert check_thresholds(None) == ACTIVITYNET_THRESHOLDS
    assert tuple(np.linspace(0.5, 0.95, 10)) == ACTIVITYNET_THRESHOLDS
    assert ACTIVITYNET_THRESHOLDS[8] < 0.9


def test_order_is_kept() -> None:
    assert check_thresholds([0.75, 0.5]) == (0.75, 0.5)
    assert check_thresholds([1]) == (1.0,)


@pytest.mark.parametrize("thresholds", [[], [0.0], [0.5, 1.1], [-0.5], [float("nan")], [0.5, 0.5], [0.9, 0.9 - 1e-12]])
def test_unusable_thresholds_are_refused(thresholds: list[float]) -> None:
    with pytest.raises(ValueError, match=r"must be one or more distinct numbers in \(0, 1\]"):
        check_thresholds(thresholds)


def test_every_default_threshold_is_named_by_two_decimals() -> None:
    names = [threshold_name(value) for value in ACTIVITYNET_THRESHOLDS]
    assert names == ["0.50", "0.55", "0.60", "0.65", "0.70", "0.75", "0.80", "0.85", "0.90", "0.95"]
    assert threshold_name(0.625) == "0.625"
