"""Which snippets of a video belong to a span of it."""

from __future__ import annotations

import math


def snippets_in_span(count: int, first_centre_sec: float, step_sec: float, span_sec: tuple[float, float]) -> range:
    """Return the snippets whose centres lie in a span, or the nearest one if none does.

    Args:
        count: Snippets of the whole video, at least 1.
        first_centre_sec: Centre of the first snippet in seconds.
        step_sec: Seconds between neighbouring centres.
        span_sec: Start and end in seconds, both included.

    Returns:
        Positions of the snippets, at least one.

    Example:
        >>> snippets_in_span(10, 0.8, 0.8, (2.0, 4.5))
        range(2, 5)
        >>> snippets_in_span(10, 0.8, 0.8, (100.0, 101.0))
        range(9, 10)
    """
    first = math.ceil((span_sec[0] - first_centre_sec) / step_sec)
    last = math.floor((span_sec[1] - first_centre_sec) / step_sec)
    if max(first, 0) <= min(last, count - 1):
        return range(max(first, 0), min(last, count - 1) + 1)
    middle = round(((span_sec[0] + span_sec[1]) / 2 - first_centre_sec) / step_sec)
    nearest = min(max(middle, 0), count - 1)
    return range(nearest, nearest + 1)
