"""Timelines: when actions happen in an untrimmed video."""

from __future__ import annotations

import numpy as np

_ACTION_SEC = (1.6, 16.0)
"""Range of durations of actions in untrimmed videos, log-uniform, seconds."""

_SHORT_ACTION_SEC = (2.0, 4.0)
"""Range of durations of actions in recordings, uniform, seconds."""

_EDGE_GAP_SEC = 0.8
"""Shortest time before the first and after the last action, seconds."""

_INNER_GAP_SEC = 1.5
"""Shortest time between actions, seconds."""

_COUNT_PROBABILITIES = (0.30, 0.30, 0.20, 0.12, 0.08)
"""Probabilities that a video aims at 1, 2, ... actions."""


def draw_timeline(num_frames: int, fps: float, generator: np.random.Generator) -> list[tuple[int, int]]:
    """Draw the spans of all actions of one video: first frame and frame after the last one of each, in order.

    As many actions are kept as fit, at least one; the rest of the time is spread over the gaps at random. A first
    action that alone is too long is cut.

    Args:
        num_frames: Length of the video, frames.
        fps: Frames per second.
        generator: Source of randomness.

    Example:
        >>> spans = draw_timeline(300, 10.0, np.random.default_rng(0))
        >>> all(0 < start < end < 300 for start, end in spans)
        True
    """
    wanted = 1 + int(generator.choice(len(_COUNT_PROBABILITIES), p=_COUNT_PROBABILITIES))
    lengths = np.exp(generator.uniform(np.log(_ACTION_SEC[0]), np.log(_ACTION_SEC[1]), wanted)) * fps
    edge, inner = _EDGE_GAP_SEC * fps, _INNER_GAP_SEC * fps
    longest = num_frames - 2.0 * edge
    kept = [max(1, round(min(float(lengths[0]), longest)))]
    for length in lengths[1:]:
        if sum(kept) + length + 2.0 * edge + inner * len(kept) <= num_frames:
            kept.append(round(float(length)))
    return _spread(kept, num_frames, fps, generator)


def draw_recording(num_frames: int, fps: float, count: int, generator: np.random.Generator) -> list[tuple[int, int]]:
    """Draw the spans of short actions of a long recording; see :func:`draw_timeline`.

    Args:
        num_frames: Length of the recording, frames.
        fps: Frames per second.
        count: Number of actions; fewer where they do not fit, at least one.
        generator: Source of randomness.

    Example:
        >>> spans = draw_recording(36_000, 10.0, 18, np.random.default_rng(0))
        >>> len(spans), all(20 <= end - start <= 40 for start, end in spans)
        (18, True)
    """
    longest_sec = _SHORT_ACTION_SEC[1] + _INNER_GAP_SEC
    most = max(1, int((num_frames / fps - 2.0 * _EDGE_GAP_SEC) / longest_sec))
    lengths_sec = generator.uniform(*_SHORT_ACTION_SEC, min(count, most))
    return _spread([round(length_sec * fps) for length_sec in lengths_sec.tolist()], num_frames, fps, generator)


def _spread(kept: list[int], num_frames: int, fps: float, generator: np.random.Generator) -> list[tuple[int, int]]:
    """Spans of actions of some lengths in random order, the rest of the time in the gaps at random."""
    edge, inner = _EDGE_GAP_SEC * fps, _INNER_GAP_SEC * fps
    order = generator.permutation(len(kept))
    spare = num_frames - sum(kept) - 2.0 * edge - inner * (len(kept) - 1)
    gaps = generator.dirichlet(np.ones(len(kept) + 1)) * max(spare, 0.0)
    spans: list[tuple[int, int]] = []
    cursor = min(edge, (num_frames - kept[0]) / 2.0)
    for place, index in enumerate(order):
        start = int(cursor + gaps[place])
        spans.append((start, start + kept[index]))
        cursor += float(gaps[place]) + kept[index] + inner
    return spans
