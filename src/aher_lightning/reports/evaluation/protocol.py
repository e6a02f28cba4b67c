"""The protocol of an evaluation in words: the facts that decide whether two numbers compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypedDict

from aher_lightning.ops.thresholds import threshold_name
from aher_lightning.reports.terminal_tables import first_names

_FEWEST_IN_A_RANGE = 4
"""Equally spaced thresholds from this number on are written as a range."""

_TOLERANCE = 1e-6
"""Largest deviation of thresholds from equal spacing."""


class ProtocolReport(TypedDict):
    """How predictions were scored.

    Attributes:
        name: Name of the protocol.
        subset: Videos of the annotation file that were scored.
        thresholds: tIoU thresholds of mAP.
        recall_thresholds: tIoU thresholds of AR and AUC.
        class_agnostic: Whether all categories counted as one.
        excluded_categories: Categories whose instances and predictions were excluded.
        blocked_videos: Number of videos of the subset that were excluded.
        fingerprint: Twelve hexadecimal digits that identify the evaluated videos and their instances.
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
    """Return thresholds in the field's notation: first, step and last where they are equally spaced.

    Example:
        >>> thresholds_text([0.3, 0.4, 0.5, 0.6, 0.7]), thresholds_text([0.5, 0.75, 0.95]), thresholds_text([])
        ('0.30:0.10:0.70', '0.50, 0.75, 0.95', 'none')
    """
    steps = [after - before for before, after in pairwise(thresholds)]
    if len(thresholds) >= _FEWEST_IN_A_RANGE and max(steps) - min(steps) < _TOLERANCE:
        return ":".join(threshold_name(value) for value in (thresholds[0], steps[0], thresholds[-1]))
    return ", ".join(map(threshold_name, thresholds)) or "none"


def protocol_line(protocol: ProtocolReport) -> str:
    """Return name and subset of the protocol; the name includes all changes."""
    return f"protocol {protocol['name']}, subset {protocol['subset']}"


def exclusion_lines(protocol: ProtocolReport) -> list[str]:
    """Return what the protocol excludes, one line each."""
    lines = []
    if excluded := protocol["blocked_videos"]:
        lines.append(f"{excluded} {'video is' if excluded == 1 else 'videos are'} excluded and not scored")
    if names := protocol["excluded_categories"]:
        noun = "category is" if len(names) == 1 else "categories are"
        lines.append(f"{len(names)} {noun} excluded: {', '.join(names)}")
    return lines


def skipped_line(skipped: Mapping[str, int]) -> str:
    """Return how many rows of a prediction file were skipped, by reason.

    Example:
        >>> skipped_line({"score is not finite": 7, "unknown label": 1})
        '8 rows skipped: score is not finite (7), unknown label (1)'
    """
    total = sum(skipped.values())
    reasons = ", ".join(f"{reason} ({count})" for reason, count in skipped.items())
    return f"{total} {'row' if total == 1 else 'rows'} skipped: {reasons}"


def unknown_categories_line(names: Sequence[str]) -> str:
    """Return the first few of the requested categories that the ground truth does not contain.

    Example:
        >>> unknown_categories_line(["wavee", "a", "b", "c"])
        '4 requested categories are not in the ground truth: wavee, a, b, ...'
    """
    what = "requested category is" if len(names) == 1 else "requested categories are"
    return f"{len(names)} {what} not in the ground truth: {first_names(names)}"


def unknown_videos_line(count: int) -> str:
    """Return how many predicted videos are not evaluated.

    Example:
        >>> unknown_videos_line(1)
        '1 predicted video is not evaluated: false positives'
    """
    noun = "video is" if count == 1 else "videos are"
    return f"{count} predicted {noun} not evaluated: false positives"
