"""How many temporal annotations full supervision needs to beat learning from moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from aher_lightning.errors import ConfigError


class FractionPoint(NamedTuple):
    """One point of figure 6; the fields are the columns of its table.

    Attributes:
        fraction: Fraction of the temporal annotations that the system was trained on, in ``[0, 1]``.
        mAP: Its average mAP, in ``[0, 1]``.
    """

    fraction: float
    mAP: float  # noqa: N815 - the field's own spelling


def parse_fractions(scores: Mapping[str, float]) -> list[FractionPoint]:
    """Return the points by ascending fraction.

    Args:
        scores: Average mAP by fraction, a string such as ``"0.25"``.

    Returns:
        The points, at least one.

    Raises:
        ConfigError: If there is no fraction, one is not in ``(0, 1]``, or two are the same.

    Example:
        >>> parse_fractions({"1": 0.3, "0.5": 0.2})
        [FractionPoint(fraction=0.5, mAP=0.2), FractionPoint(fraction=1.0, mAP=0.3)]
    """
    points = sorted(FractionPoint(_parse_fraction(text), score) for text, score in scores.items())
    if not points:
        raise ConfigError('no label fraction is given; write supervised as {"0.1": FILE, "1.0": FILE}')
    for one, other in pairwise(points):
        if one.fraction == other.fraction:
            raise ConfigError(f"the label fraction {one.fraction:g} is given twice; remove one of them")
    return points


def overtaking_fraction(points: Sequence[FractionPoint], level: float) -> float | None:
    """Return the fraction of annotations from which on a piecewise linear curve stays at or above a level.

    Args:
        points: The curve by ascending fraction; at least one point.
        level: The average mAP to reach.

    Returns:
        The fraction; ``None`` if the last point is below the level. If all are above it, the first fraction.

    Example:
        >>> overtaking_fraction([FractionPoint(0.2, 0.1), FractionPoint(0.6, 0.3)], 0.2)
        0.4
    """
    if points[-1].mAP < level:
        return None
    for one, other in reversed(list(pairwise(points))):
        if one.mAP < level:
            return one.fraction + (other.fraction - one.fraction) * (level - one.mAP) / (other.mAP - one.mAP)
    return points[0].fraction


def _parse_fraction(text: str) -> float:
    """Parse a label fraction."""
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if not 0 < fraction <= 1:
        raise ConfigError(f"{text!r} is not a label fraction; give numbers above 0 and up to 1")
    return fraction
