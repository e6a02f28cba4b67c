"""Windows of long training videos, so that short actions keep enough time steps."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

import torch

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.ops.randomness import random_generator
from aher_lightning.ops.windows import Window, split_windows

_MEDIAN_ACTIONS = 16
"""Median actions that a window chosen automatically has room for."""

_LONG_ACTIONS = 2
"""Actions longer than nine of ten others that it has room for."""

_QUANTILE = 0.9
"""What is longer than so many others is long: a few videos or actions of extreme length do not count."""

_AROUND_ACTION = 0.75
"""Part of the windows of an annotated video that are drawn around an action; the others lie anywhere."""

_SMALLEST_PART = 0.5
"""Part of an action from which on a window that cuts it off shows the action, or half of the window."""


def choose_window_sec(videos: Iterable[AnnotatedVideo]) -> float | None:
    """Return a window length that suits the annotated actions: 16 median ones, or 2 of the longest tenth.

    Args:
        videos: Training videos.

    Returns:
        Seconds; ``None`` without any action.

    Example:
        >>> actions = tuple(Instance("nod", 10.0 * n, 10.0 * n + 3.0) for n in range(5))
        >>> choose_window_sec([AnnotatedVideo("day", "training", 3600.0, actions)])
        48.0
    """
    lengths = sorted(one.end_sec - one.start_sec for video in videos for one in video.instances)
    if not lengths:
        return None
    long_sec = _quantile(lengths)
    return max(_MEDIAN_ACTIONS * statistics.median(lengths), _LONG_ACTIONS * long_sec)


def usual_duration_sec(videos: Iterable[AnnotatedVideo]) -> float | None:
    """Return the seconds that nine of ten videos do not exceed; ``None`` without videos."""
    durations = sorted(video.duration_sec for video in videos)
    return _quantile(durations) if durations else None


def _quantile(ascending: Sequence[float]) -> float:
    """The value that nine of ten do not exceed."""
    return ascending[math.ceil(_QUANTILE * len(ascending)) - 1]


def draw_window(
    duration_sec: float, instances: Sequence[Instance], window_sec: float | None, seed_key: str
) -> Window | None:
    """Draw a window of a long video, a function of the key.

    Three of four windows are drawn around an action, each of them equally likely: anywhere that shows it whole, or as
    much of it as fits. The others, and all windows of videos without actions, lie anywhere.

    Args:
        duration_sec: Duration of the video in seconds.
        instances: Its actions.
        window_sec: Length of a window in seconds; ``None`` takes the whole video.
        seed_key: Seed of all random choices about this sample.

    Returns:
        The window; ``None`` for the whole video, where it is not much longer than a window, as in localization.
    """
    if window_sec is None or len(split_windows(duration_sec, window_sec)) == 1:
        return None
    generator = random_generator(seed_key, "window")
    kind, which, place = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    first_sec, last_sec = 0.0, duration_sec - window_sec
    if instances and kind < _AROUND_ACTION:
        chosen = instances[int(which * len(instances))]
        bounds = sorted((chosen.start_sec, chosen.end_sec - window_sec))
        first_sec, last_sec = (min(max(bound, first_sec), last_sec) for bound in bounds)
    start_sec = first_sec + place * (last_sec - first_sec)
    return Window(start_sec, start_sec + window_sec)


def instances_in(window: Window, instances: Iterable[Instance]) -> list[Instance]:
    """Return the actions that a window shows, clipped to it, in seconds from its start.

    An action that the window cuts off counts if at least half of it is seen, or if it takes half of the window.

    Example:
        >>> instances_in(Window(10.0, 20.0), [Instance("nod", 8.0, 12.0), Instance("jump", 19.0, 24.0)])
        [Instance(label='nod', start_sec=0.0, end_sec=2.0)]
    """
    found = []
    for label, start_sec, end_sec in instances:
        first_sec, last_sec = max(start_sec, window.start_sec), min(end_sec, window.end_sec)
        enough_sec = _SMALLEST_PART * min(end_sec - start_sec, window.end_sec - window.start_sec)
        if last_sec > first_sec and last_sec - first_sec >= enough_sec:
            found.append(Instance(label, first_sec - window.start_sec, last_sec - window.start_sec))
    return found
