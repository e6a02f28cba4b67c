"""Windows of long videos, as networks have a fixed number of steps: where they lie, and what was found in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from aher_lightning.errors import ConfigError
from aher_lightning.structures import Candidates

_LONGEST_IN_ONE = 1.25
"""A video longer than a window by less than this factor is localized as a whole."""

_ROUNDING = 1e-6
"""Fraction of a window below which a remainder is a rounding error of time stamps."""

_TOUCHING = 0.01
"""A segment this close to the end of a window, as a fraction of it, may be cut off."""


class Window(NamedTuple):
    """A part of a video that is localized on its own: start and end in seconds."""

    start_sec: float
    end_sec: float


def split_windows(duration_sec: float, window_sec: float | None) -> list[Window]:
    """Return windows of equal length that cover a video, each of which overlaps the next by half or more.

    What is no longer than half a window thus lies wholly in one of them.

    Args:
        duration_sec: Duration of the video in seconds.
        window_sec: Length of a window in seconds; ``None`` takes the whole video.

    Returns:
        The windows in order; one that is the whole video if that is not much longer than a window.

    Raises:
        ConfigError: If the length is not a positive number.

    Example:
        >>> [(window.start_sec, window.end_sec) for window in split_windows(100.0, 40.0)]
        [(0.0, 40.0), (20.0, 60.0), (40.0, 80.0), (60.0, 100.0)]
        >>> split_windows(50.0, 40.0)
        [Window(start_sec=0.0, end_sec=50.0)]
    """
    if window_sec is not None and not 0 < window_sec < math.inf:
        raise ConfigError(f"'window_sec' is {window_sec}, but must be positive; correct it or leave it out")
    if window_sec is None or duration_sec <= _LONGEST_IN_ONE * window_sec:
        return [Window(0.0, duration_sec)]
    gaps = math.ceil((duration_sec - window_sec) / (window_sec / 2) - _ROUNDING)
    starts = [gap * (duration_sec - window_sec) / gaps for gap in range(gaps + 1)]
    return [*(Window(start, start + window_sec) for start in starts[:-1]), Window(starts[-1], duration_sec)]


def length_in_windows(duration_sec: float, window_sec: float | None) -> int:
    """Return the length of a video in windows, at least 1; the number of detections to keep grows with it.

    Example:
        >>> length_in_windows(100.0, 40.0), length_in_windows(50.0, 40.0), length_in_windows(100.0, None)
        (3, 1, 1)
    """
    if len(split_windows(duration_sec, window_sec)) == 1 or window_sec is None:
        return 1
    return math.ceil(duration_sec / window_sec - _ROUNDING)


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
