"""Merge the detections of overlapping windows into those of one video."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from aher_lightning.inference.windows import Window
from aher_lightning.ops.nms import nms
from aher_lightning.structures import Detections

_MERGE_TIOU = 0.7
"""Detections of different windows that overlap by more count as one."""

_TOUCHING = 0.01
"""A segment this close to the end of a window, as a fraction of it, may be cut off."""


def merge_windows(windows: Sequence[Window], found: Sequence[Detections]) -> Detections:
    """Return the detections of a video that was localized window by window.

    Drops detections that a window cuts off and that are shorter than half of it, as a neighbouring window has them
    whole; then, best first, those that a better one of any category overlaps by more than :data:`_MERGE_TIOU`.
    Detections of a single window are returned unchanged.

    Args:
        windows: Where the windows lie.
        found: Their detections, in seconds after the start of each, segments ``(N, 2)``.

    Returns:
        Detections in seconds of the video, best first.

    Example:
        >>> one = Detections(torch.tensor([[2.5, 4.0]]), torch.tensor([0.5]), torch.tensor([0]))
        >>> two = Detections(torch.tensor([[0.5, 2.25]]), torch.tensor([0.7]), torch.tensor([0]))
        >>> merge_windows([Window(0.0, 4.0), Window(2.0, 6.0)], [one, two]).segments.tolist()
        [[2.5, 4.25]]
    """
    if len(windows) == 1:
        return found[0]
    last = len(windows) - 1
    parts = [
        _place(window, one, is_first=number == 0, is_last=number == last)
        for number, (window, one) in enumerate(zip(windows, found, strict=True))
    ]
    everything = Detections(*(torch.cat(fields) for fields in zip(*parts, strict=True)))
    kept = nms(everything.segments, everything.scores, _MERGE_TIOU)
    return Detections(*(field[kept] for field in everything))


def _place(window: Window, found: Detections, *, is_first: bool, is_last: bool) -> Detections:
    """Detections of a window that it does not cut off, in seconds of the video."""
    segments = found.segments.double()
    length_sec = window.end_sec - window.start_sec
    margin_sec = _TOUCHING * length_sec
    is_cut = torch.zeros(len(segments), dtype=torch.bool)
    if not is_first:
        is_cut |= segments[:, 0] < margin_sec
    if not is_last:
        is_cut |= segments[:, 1] > length_sec - margin_sec
    is_kept = ~is_cut | (segments[:, 1] - segments[:, 0] >= length_sec / 2)
    inside = (segments[is_kept] + window.start_sec).clamp(max=window.end_sec)
    return Detections(inside, found.scores[is_kept], found.labels[is_kept])
