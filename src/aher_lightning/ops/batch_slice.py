"""Random numbers of a training batch split over processes: each draws all of them and takes its own."""

from __future__ import annotations

from torch import distributed


def batch_slice(count: int) -> tuple[int, slice]:
    """Return how many rows the whole training batch has, and which of them are those of this process.

    Whatever is drawn per row is drawn for the whole batch and cut to the own rows. Processes with the same seed then
    choose as one process with the whole batch would.

    Args:
        count: Rows of this process, the same on all.

    Returns:
        Rows of all processes together, and the slice of them that is this process's.

    Example:
        >>> batch_slice(4)
        (4, slice(0, 4, None))
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return count, slice(0, count)
    first = distributed.get_rank() * count
    return distributed.get_world_size() * count, slice(first, first + count)
