"""Third-party features, one CSV file per video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from aher_lightning.errors import DataError
from aher_lightning.features.array_folder import FileFolderStore


class CsvFolderStore(FileFolderStore):
    """Third-party features, one ``.csv`` file per video, as the BSN family has them.

    A line is a snippet (layout ``TC``) or a channel (``CT``); the manifest says whether a header comes first. See
    :class:`FileFolderStore` for the arguments, :class:`PublishedFeatureStore` for the errors.
    """

    formats = ("csv",)

    def _read_file(self, path: Path) -> npt.NDArray[np.generic]:
        return read_csv_array(path, has_header=self.manifest.header)


def read_csv_array(path: Path, *, has_header: bool) -> npt.NDArray[np.float32]:
    """Return the numbers of a comma-separated UTF-8 file, float32 ``(lines, fields)``.

    Raises:
        DataError: If the file is missing, empty, or holds anything but equally long lines of numbers.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()[1 if has_header else 0 :]
    except OSError as failure:
        raise DataError(f"{path}: cannot be read ({failure.strerror}); give a readable file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8 text; give a CSV file") from None
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise DataError(f"{path}: holds no features; fetch the file again, or leave the video out")
    try:
        return np.loadtxt(lines, delimiter=",", dtype=np.float32, ndmin=2, comments=None)
    except ValueError as failure:
        reason = " ".join(str(failure).split())[:200]
        raise DataError(f"{path}: is not a table of numbers ({reason}); check 'header' in the manifest") from None
