from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from aher_lightning.features.recent_arrays import RecentArrays

ARRAYS = {name: np.full(10, number, dtype=np.float32) for number, name in enumerate("abc")}  # 40 bytes each


def fetch(recent: RecentArrays, names: str, read: list[str]) -> None:
    """Get arrays one after another, noting which are read."""
    for name in names:
        array = ARRAYS[name]

        def load(
            name: str = name, array: np.ndarray[tuple[int], np.dtype[np.float32]] = array
        ) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
            read.append(name)
            return array

        assert recent.get(Path(name), load) is array


def test_what_was_used_last_stays() -> None:
    recent, read = RecentArrays(80), list[str]()
    fetch(recent, "abab", read)
    assert read == ["a", "b"]
    fetch(recent, "aca", read)  # b was used before a, so c takes the place of b
    assert read == ["a", "b", "c"]
    fetch(recent, "b", read)
    assert read == ["a", "b", "c", "b"]
    assert recent.num_bytes == 80


def test_nothing_above_the_bound_is_kept() -> None:
    recent, read = RecentArrays(39), list[str]()
    fetch(recent, "aa", read)
    assert read == ["a", "a"]
    assert recent.num_bytes == 0


def test_another_process_starts_empty() -> None:
    recent, read = RecentArrays(1000), list[str]()
    fetch(recent, "ab", read)
    copy = pickle.loads(pickle.dumps(recent))
    assert (copy.max_bytes, copy.num_bytes) == (1000, 0)
    assert recent.num_bytes == 80
