"""Random numbers as a pure function of their purpose, so that no generator state needs saving."""

from __future__ import annotations

import hashlib

import torch


def key_seed(*key: int | str) -> int:
    """Return a seed in ``[0, 2**63)`` that depends on the key alone, in every process and version of Python.

    The key names the purpose of the random numbers, such as seed, iteration and rank, in order.

    Example:
        >>> key_seed(7, "crop") == key_seed(7, "crop"), key_seed(7, "crop") == key_seed("crop", 7)
        (True, False)
    """
    # As plain Python values: a NumPy integer has another representation.
    parts = tuple(part if isinstance(part, str) else int(part) for part in key)
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def random_generator(*key: int | str) -> torch.Generator:
    """Return a fresh CPU generator seeded by :func:`key_seed`.

    Example:
        >>> torch.randint(100, (1,), generator=random_generator(0, "a")).item() < 100
        True
    """
    return torch.Generator().manual_seed(key_seed(*key))
