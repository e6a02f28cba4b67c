"""Split long videos into windows of the length seen in training, as networks have a fixed number of steps."""

from __future__ import annotations

import math
from typing import NamedTuple

from aher_lightning.errors import ConfigError

_LONGEST_IN_ONE = 1.25
"""A video longer than a window by less than this factor is localized as a whole."""

_ROUNDING = 1e-6
"""Fraction of a window below which a remainder is a rounding error of time stamps."""


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
