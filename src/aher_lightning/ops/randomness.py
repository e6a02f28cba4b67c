"""Random numbers as a pure function of what they are for, so that no generator state needs saving."""

from __future__ import annotations

import hashlib

import torch


def key_seed(*key: int | str) -> int:
    """Return a seed that depends on the key alone, the same in every process and version of Python.

    Args:
        key: What the random numbers are for, such as seed, iteration and rank; their order matters.

    Returns:
        A seed in ``[0, 2**63)``.

    Example:
        >>> key_seed(7, "crop") == key_seed(7, "crop"), key_seed(7, "crop") == key_seed("crop", 7)
        (True, False)
    """
    # Written out as plain Python values: a NumPy integer has another representation but means the same.
    parts = tuple(part if isinstance(part, str) else int(part) for part in key)
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def random_generator(*key: int | str) -> torch.Generator:
    """Return a fresh CPU generator seeded by :func:`key_seed`.

    Args:
        key: What the random numbers are for; their order matters.

    Returns:
        The generator; its numbers are the same wherever the key is.

    Example:
        >>> torch.randint(100, (1,), generator=random_generator(0, "a")).item() < 100
        True
    """
    return torch.Generator().manual_seed(key_seed(*key))
