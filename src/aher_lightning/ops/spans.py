"""Snippets of a video that belong to a span of it."""

from __future__ import annotations

import math
from typing import NamedTuple


def snippets_in_span(count: int, first_centre_sec: float, step_sec: float, span_sec: tuple[float, float]) -> range:
    """Return the snippets whose centres lie in a span, or the nearest one if none does.

    Args:
        count: Snippets of the whole video, at least 1.
        first_centre_sec: Centre of the first snippet in seconds.
        step_sec: Seconds between neighbouring centres.
        span_sec: Start and end in seconds, both included.

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


class PlacedSnippets(NamedTuple):
    """Snippets of a span, and their places in it.

    Attributes:
        chosen: Indices of the snippets in the video, at least one.
        first_centre: Centre of the first of them, normalized to the span.
        step: Distance of neighbouring centres, normalized to the span.
    """

    chosen: range
    first_centre: float
    step: float


def place_snippets(
    count: int, first_centre_sec: float, step_sec: float, span_sec: tuple[float, float] | None, duration_sec: float
) -> PlacedSnippets:
    """Return the snippets of a span, and their places in it.

    Args:
        count: Snippets of the whole video, at least 1.
        first_centre_sec: Centre of the first snippet in seconds.
        step_sec: Seconds between neighbouring centres.
        span_sec: Start and end in seconds; ``None`` for the whole video with all of its snippets.
        duration_sec: Duration of the video in seconds.

    Raises:
        ValueError: If the span does not end after it starts.

    Example:
        >>> place_snippets(10, 0.5, 1.0, (2.0, 4.0), 10.0)
        PlacedSnippets(chosen=range(2, 4), first_centre=0.25, step=0.5)
    """
    start_sec, end_sec = span_sec if span_sec is not None else (0.0, duration_sec)
    if not end_sec > start_sec:
        raise ValueError(f"a span must end after it starts, but is {span_sec}")
    chosen = range(count) if span_sec is None else snippets_in_span(count, first_centre_sec, step_sec, span_sec)
    length_sec = end_sec - start_sec
    first_centre = (first_centre_sec + chosen.start * step_sec - start_sec) / length_sec
    return PlacedSnippets(chosen, first_centre, step_sec / length_sec)


def widen_span(
    span_sec: tuple[float, float],
    minimum: int,
    *,
    count: int,
    first_centre_sec: float,
    step_sec: float,
    duration_sec: float,
) -> tuple[float, float]:
    """Return a span with a minimum of snippets, grown around its middle within the video.

    At an end of the video the span grows to the other side only. The new span holds all snippets of the old one, and
    only as many more as were missing.

    Args:
        span_sec: Start and end in seconds.
        minimum: Wanted number of snippets, at least 1.
        count: Snippets of the whole video, at least 1.
        first_centre_sec: Centre of the first snippet in seconds.
        step_sec: Seconds between neighbouring centres.
        duration_sec: Duration of the video in seconds.

    Returns:
        Start and end in seconds; the span itself if it has enough snippets.

    Example:
        >>> widen_span((4.0, 6.0), 4, count=10, first_centre_sec=0.5, step_sec=1.0, duration_sec=10.0)
        (3.0, 7.0)
        >>> widen_span((0.0, 1.0), 4, count=10, first_centre_sec=0.5, step_sec=1.0, duration_sec=10.0)
        (0.0, 4.0)
    """
    wanted = min(minimum, count)
    if len(snippets_in_span(count, first_centre_sec, step_sec, span_sec)) >= wanted:
        return span_sec
    middle = ((span_sec[0] + span_sec[1]) / 2 - first_centre_sec) / step_sec
    first = min(max(round(middle - (wanted - 1) / 2), 0), count - wanted)
    start_sec = first_centre_sec + (first - 0.5) * step_sec
    end_sec = first_centre_sec + (first + wanted - 0.5) * step_sec
    # The first centre may lie closer to the start of the video than half a step.
    return min(span_sec[0], max(start_sec, 0.0)), max(span_sec[1], min(end_sec, duration_sec))
