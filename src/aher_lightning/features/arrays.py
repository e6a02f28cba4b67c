"""Array files of features: written atomically, memory-mapped to read a part."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aher_lightning.errors import DataError
from aher_lightning.files.owners import written_aside

REMEDY = "restore the file, or extract this video again with 'aher extract'"
"""Remedy for a damaged file of features."""

_CHUNK_BYTES = 1 << 20


def write_array(path: Path, values: npt.NDArray[np.floating]) -> str:
    """Write an ``.npy`` file of plain numbers atomically, and return its SHA-256.

    Raises:
        DataError: If the file cannot be written.
    """
    with written_aside(path) as partial:
        with partial.open("wb") as file:
            np.save(file, values, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        return file_sha256(partial)


def map_array(path: Path, remedy: str = REMEDY) -> npt.NDArray[np.floating]:
    """Memory-map an ``.npy`` file, read-only: bytes are read where the array is used.

    Args:
        path: File to map.
        remedy: What to do about a damaged file, for messages.

    Raises:
        DataError: If the file is missing, truncated, or no ``.npy`` file of plain numbers.
    """
    try:
        values: object = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path}: no such feature file; {remedy}") from None
    except (OSError, ValueError, EOFError) as failure:
        reason = " ".join(str(failure).split())
        raise DataError(f"{path}: is damaged ({reason}); {remedy}") from None
    if not isinstance(values, np.ndarray):
        raise DataError(f"{path}: is an archive, not a single array; {remedy}")
    return values


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
