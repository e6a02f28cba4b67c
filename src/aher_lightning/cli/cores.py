"""How many processor cores there are to work with."""

from __future__ import annotations

import os


def count_cores() -> int:
    """Return the number of processor cores that this process may use.

    Returns:
        At least 1.
    """
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
