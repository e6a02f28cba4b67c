"""How many temporal annotations full supervision needs to beat learning from moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from aher_lightning.errors import ConfigError


class SharePoint(NamedTuple):
    """One point of figure 6; the fields are the columns of its table.

    Attributes:
        share: Share of the temporal annotations that the system was trained on, in ``[0, 1]``.
        mAP: Its average mAP, in ``[0, 1]``.
    """

    share: float
    mAP: float  # noqa: N815 - the field's own spelling


def parse_shares(scores: Mapping[str, float]) -> list[SharePoint]:
    """Return the points in order of their share.

    Args:
        scores: Average mAP by share, written as a number such as ``"0.25"``.

    Returns:
        The points, at least one.

    Raises:
        ConfigError: If there is none, a share is no number in ``(0, 1]``, or two are the same.

    Example:
        >>> parse_shares({"1": 0.3, "0.5": 0.2})
        [SharePoint(share=0.5, mAP=0.2), SharePoint(share=1.0, mAP=0.3)]
    """
    points = sorted(SharePoint(_parse_share(text), score) for text, score in scores.items())
    if not points:
        raise ConfigError('no share of annotations is given; write supervised as {"0.1": FILE, "1.0": FILE}')
    for one, other in pairwise(points):
        if one.share == other.share:
            raise ConfigError(f"the share {one.share:g} is given twice; leave one of them out")
    return points


def overtaking_share(points: Sequence[SharePoint], level: float) -> float | None:
    """Return the share of annotations from which on a curve stays at or above a level.

    Between points the curve is a straight line.

    Args:
        points: The curve, in order of share; at least one point.
        level: The average mAP to reach.

    Returns:
        The share; ``None`` if the last point is below the level. If all are above it, the first share.

    Example:
        >>> overtaking_share([SharePoint(0.2, 0.1), SharePoint(0.6, 0.3)], 0.2)
        0.4
    """
    if points[-1].mAP < level:
        return None
    for one, other in reversed(list(pairwise(points))):
        if one.mAP < level:
            return one.share + (other.share - one.share) * (level - one.mAP) / (other.mAP - one.mAP)
    return points[0].share


def _parse_share(text: str) -> float:
    """A share of the annotations."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise ConfigError(f"{text!r} is no share of the annotations; give numbers above 0 and up to 1")
    return share
