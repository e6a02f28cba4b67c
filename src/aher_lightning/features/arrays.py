"""Array files of features: written all or nothing, mapped into memory to read a part."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aher_lightning.errors import DataError
from aher_lightning.files.owners import written_aside

MEND = "restore the file, or extract this video again with 'aher extract'"
"""What to do about a damaged file of features."""

_CHUNK_BYTES = 1 << 20


def write_array(path: Path, values: npt.NDArray[np.floating]) -> str:
    """Write an ``.npy`` file so that nobody ever sees a part of it.

    Args:
        path: File to write or to replace.
        values: Any array of plain numbers.

    Returns:
        SHA-256 of the file.

    Raises:
        DataError: If the file cannot be written.
    """
    with written_aside(path) as partial:
        with partial.open("wb") as file:
            np.save(file, values, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        return file_sha256(partial)


def map_array(path: Path, mend: str = MEND) -> npt.NDArray[np.floating]:
    """Map an ``.npy`` file into memory: bytes are read where the array is used.

    Args:
        path: File to map.
        mend: What to do about a damaged file, for messages.

    Returns:
        The array, read-only.

    Raises:
        DataError: If the file is missing, cut off, or no ``.npy`` file of plain numbers.
    """
    try:
        values: object = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file of features; {mend}") from None
    except (OSError, ValueError, EOFError) as failure:
        reason = " ".join(str(failure).split())
        raise DataError(f"{path}: is damaged ({reason}); {mend}") from None
    if not isinstance(values, np.ndarray):
        raise DataError(f"{path}: is an archive and not one array; {mend}")
    return values


def file_sha256(path: Path) -> str:
    """Return the checksum of a file, read in pieces.

    Args:
        path: File to read.

    Returns:
        SHA-256 in hexadecimal digits.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
