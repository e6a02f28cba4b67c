"""Stretches of video frames, from marks on single frames."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator


def runs_between_marks(marks: Iterable[tuple[int, bool]], step: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches in which something is visible.

    Args:
        marks: Frames and whether it is visible from there on; in any order.
        step: Frames from one that was looked at to the next; the last visible one lasts so long.

    Yields:
        First frame of each stretch, and the frame after it.

    Example:
        >>> list(runs_between_marks([(0, True), (4, True), (6, False), (9, True)], step=1))
        [(0, 6), (9, 10)]
    """
    first = last = None
    for frame, is_visible in sorted(marks):
        if is_visible and first is None:
            first = frame
        elif not is_visible and first is not None:
            yield first, frame
            first = None
        last = frame
    if first is not None and last is not None:
        yield first, last + step


def runs_of_neighbours(frames: Collection[int], step: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of frames that follow one another.

    Args:
        frames: Frames in any order; repeated ones count once.
        step: Frames from one that was looked at to the next.

    Yields:
        First frame of each stretch, and the frame after it.

    Example:
        >>> list(runs_of_neighbours([5, 3, 4, 9], step=1))
        [(3, 6), (9, 10)]
    """
    ordered = sorted(set(frames))
    first = ordered[0] if ordered else 0
    for position, frame in enumerate(ordered, start=1):
        is_last = position == len(ordered)
        if is_last or ordered[position] - frame > step:
            yield first, frame + step
            first = first if is_last else ordered[position]
