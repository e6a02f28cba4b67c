"""The tIoU values at which a detection or proposal counts as correct."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ACTIVITYNET_THRESHOLDS: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""0.5:0.05:0.95, by NumPy rather than as literals, because the official 0.9 is the float below 0.9."""

_NAME_TOLERANCE = 1e-9
"""A threshold this close to two decimals is named by them."""


def check_thresholds(thresholds: Sequence[float] | None) -> tuple[float, ...]:
    """Return the tIoU thresholds in their order, or those of ActivityNet for ``None``.

    Raises:
        ValueError: If the list is empty, a value is outside ``(0, 1]``, or two have the same name.

    Example:
        >>> check_thresholds([0.5, 0.75])
        (0.5, 0.75)
    """
    if thresholds is None:
        return ACTIVITYNET_THRESHOLDS
    values = tuple(float(value) for value in thresholds)
    names = [threshold_name(value) for value in values]
    if not values or not all(0 < value <= 1 for value in values) or len(set(names)) != len(names):
        raise ValueError(f"tIoU thresholds must be one or more distinct numbers in (0, 1], got {list(values)}")
    return values


def threshold_name(threshold: float) -> str:
    """Return the name of a tIoU threshold in reports and log keys: two decimals, or as many as it needs.

    Example:
        >>> [threshold_name(value) for value in (0.5, 0.8999999999999999, 0.125)]
        ['0.50', '0.90', '0.125']
    """
    is_short = abs(round(threshold, 2) - threshold) < _NAME_TOLERANCE
    return f"{threshold:.2f}" if is_short else f"{threshold:g}"
