"""The reference numbers: where they lie, and the formula that made their inputs."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

GOLDEN_FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "golden"


def fill(name: str, shape: Sequence[int], low: float, high: float) -> npt.NDArray[np.float32]:
    """Return numbers uniform in [low, high) that depend on the name and the position alone."""
    bits = np.arange(math.prod(shape), dtype=np.uint32)  # wraps around modulo 2**32 from here on
    bits = bits * np.uint32(0x9E3779B1) + np.uint32(zlib.crc32(name.encode()))
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        bits ^= bits >> np.uint32(shift)
        bits *= np.uint32(factor)
    uniform = (bits >> np.uint32(8)).astype(np.float64) * 2.0**-24
    values: npt.NDArray[np.float32] = (low + (high - low) * uniform).astype(np.float32)
    return values.reshape(tuple(shape))


def golden_path(*parts: str) -> Path:
    """Return the path of a reference file; skip the test where no reference numbers are at hand.

    Give the parts as literals: tests/test_golden.py reads from the sources which files are used.
    """
    if not GOLDEN_FOLDER.is_dir():
        pytest.skip(f"reference numbers {'/'.join(parts)} are not beside the repository")
    path = GOLDEN_FOLDER.joinpath(*parts)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there are reference numbers, but no such file")
    return path
