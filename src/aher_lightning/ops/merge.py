"""Gather the candidates of overlapping windows as those of one video."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from aher_lightning.ops.windows import Window
from aher_lightning.structures import Candidates

_TOUCHING = 0.01
"""A segment this close to the end of a window, as a fraction of it, may be cut off."""


def merge_windows(windows: Sequence[Window], found: Sequence[Candidates], duration_sec: float) -> Candidates:
    """Return the candidates of a video that was localized window by window.

    Drops candidates that a window cuts off and that are shorter than half of it, as a neighbouring window has them
    whole. Those of a single window are returned unchanged.

    Args:
        windows: Where the windows lie.
        found: Their candidates, normalized to each window, segments ``(1, A, 2)``.
        duration_sec: Duration of the video in seconds.

    Returns:
        Candidates normalized to the video, segments ``(1, sum A, 2)`` in float64.

    Example:
        >>> one = Candidates(torch.tensor([[[0.625, 1.0]]]), torch.tensor([[[0.5]]]), torch.tensor([[[0]]]))
        >>> two = Candidates(torch.tensor([[[0.125, 0.5625]]]), torch.tensor([[[0.7]]]), torch.tensor([[[0]]]))
        >>> merge_windows([Window(0.0, 4.0), Window(2.0, 6.0)], [one, two], 8.0).segments.tolist()
        [[[0.3125, 0.53125]]]
    """
    if len(windows) == 1:
        return found[0]
    last = len(windows) - 1
    parts = [
        _place(window, one, duration_sec, is_first=number == 0, is_last=number == last)
        for number, (window, one) in enumerate(zip(windows, found, strict=True))
    ]
    return Candidates(*(torch.cat(fields, dim=1) for fields in zip(*parts, strict=True)))


def _place(window: Window, found: Candidates, duration_sec: float, *, is_first: bool, is_last: bool) -> Candidates:
    """Candidates of a window that it does not cut off, normalized to the video."""
    segments = found.segments[0].double()
    is_cut = torch.zeros(len(segments), dtype=torch.bool)
    if not is_first:
        is_cut |= segments[:, 0] < _TOUCHING
    if not is_last:
        is_cut |= segments[:, 1] > 1 - _TOUCHING
    is_absent = found.scores[0, :, 0] == -torch.inf
    is_kept = (~is_cut | (segments[:, 1] - segments[:, 0] >= 1 / 2)) & ~is_absent
    placed_sec = segments[is_kept] * (window.end_sec - window.start_sec) + window.start_sec
    placed = placed_sec.clamp(max=window.end_sec) / duration_sec
    return Candidates(placed.unsqueeze(0), found.scores[:, is_kept], found.labels[:, is_kept])
