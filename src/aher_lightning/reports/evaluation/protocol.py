"""What was measured: the facts that decide whether two numbers of an evaluation can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypedDict

from aher_lightning.ops.thresholds import threshold_name

_FEWEST_IN_A_RANGE = 4
"""Thresholds that are written as a range, if equally spaced; fewer are listed."""

_NAMED_CATEGORIES = 3
"""How many of a number of categories are named."""

_TOLERANCE = 1e-6
"""How far thresholds may be from equal spacing."""


class ProtocolReport(TypedDict):
    """How predictions were scored.

    Attributes:
        name: Name of the protocol.
        subset: Videos of the annotation file that were scored.
        thresholds: tIoU thresholds of mAP.
        recall_thresholds: tIoU thresholds of AR and AUC.
        class_agnostic: Whether all categories counted as one.
        excluded_categories: Categories whose instances and predictions were left out.
        blocked_videos: Videos of the subset that were left out by a list.
        fingerprint: Twelve hexadecimal digits that stand for the evaluated videos and their instances.
    """

    name: str
    subset: str
    thresholds: list[float]
    recall_thresholds: list[float]
    class_agnostic: bool
    excluded_categories: list[str]
    blocked_videos: int
    fingerprint: str


def thresholds_text(thresholds: Sequence[float]) -> str:
    """Return thresholds as the field writes them: first, step and last where they are equally spaced.

    Args:
        thresholds: tIoU values.

    Returns:
        The text.

    Example:
        >>> thresholds_text([0.3, 0.4, 0.5, 0.6, 0.7]), thresholds_text([0.5, 0.75, 0.95]), thresholds_text([])
        ('0.30:0.10:0.70', '0.50, 0.75, 0.95', 'none')
    """
    steps = [after - before for before, after in pairwise(thresholds)]
    if len(thresholds) >= _FEWEST_IN_A_RANGE and max(steps) - min(steps) < _TOLERANCE:
        return ":".join(threshold_name(value) for value in (thresholds[0], steps[0], thresholds[-1]))
    return ", ".join(map(threshold_name, thresholds)) or "none"


def protocol_line(protocol: ProtocolReport) -> str:
    """Return the protocol in one line, without its fingerprint. Its name says what was changed.

    Args:
        protocol: The protocol.

    Returns:
        The line.
    """
    return f"protocol {protocol['name']}, subset {protocol['subset']}"


def exclusion_lines(protocol: ProtocolReport) -> list[str]:
    """Return what the protocol leaves out, a line each; nothing if it leaves nothing out.

    Args:
        protocol: The protocol.

    Returns:
        The lines.
    """
    lines = []
    if blocked := protocol["blocked_videos"]:
        noun, them = ("video is", "it") if blocked == 1 else ("videos are", "them")
        lines.append(f"{blocked} {noun} blocked: nothing in {them} counts")
    if names := protocol["excluded_categories"]:
        noun = "category is" if len(names) == 1 else "categories are"
        lines.append(f"{len(names)} {noun} excluded: {', '.join(names)}")
    return lines


def skipped_line(skipped: Mapping[str, int]) -> str:
    """Return how many rows of a prediction file were left out, and why.

    Args:
        skipped: Rows by reason.

    Returns:
        The line.

    Example:
        >>> skipped_line({"score is not finite": 7, "unknown label": 1})
        '8 rows left out: score is not finite (7), unknown label (1)'
    """
    total = sum(skipped.values())
    reasons = ", ".join(f"{reason} ({count})" for reason, count in skipped.items())
    return f"{total} {'row' if total == 1 else 'rows'} left out: {reasons}"


def unknown_categories_line(names: Sequence[str]) -> str:
    """Return which categories were asked for that the ground truth does not know.

    Args:
        names: The categories, one or more; the first few are named.

    Returns:
        The line.

    Example:
        >>> unknown_categories_line(["wavee", "a", "b", "c"])
        '4 categories asked for are not in the ground truth: wavee, a, b, ...'
    """
    shown = [*names[:_NAMED_CATEGORIES], "..."] if len(names) > _NAMED_CATEGORIES else names
    what = "category asked for is" if len(names) == 1 else "categories asked for are"
    return f"{len(names)} {what} not in the ground truth: {', '.join(shown)}"


def unknown_videos_line(count: int) -> str:
    """Return how many predicted videos are not evaluated.

    Args:
        count: Videos with predictions that are not among the evaluated ones, one or more.

    Returns:
        The line.

    Example:
        >>> unknown_videos_line(1)
        '1 predicted video is not among those evaluated: false positives'
    """
    noun = "video is" if count == 1 else "videos are"
    return f"{count} predicted {noun} not among those evaluated: false positives"
