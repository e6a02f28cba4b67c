"""Random numbers of a training batch split over processes: each process draws all and keeps its own."""

from __future__ import annotations

from torch import distributed


def batch_slice(count: int) -> tuple[int, slice]:
    """Return the rows of the batch over all processes, and the slice of this one, given its rows (equal on all).

    Draw for the whole batch, then take the slice: processes with the same seed choose as one process would.

    Example:
        >>> batch_slice(4)
        (4, slice(0, 4, None))
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return count, slice(0, count)
    first = distributed.get_rank() * count
    return distributed.get_world_size() * count, slice(first, first + count)
