"""Third-party features, one array file per video."""

from __future__ import annotations

import pickle
import zipfile
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from aher_lightning.errors import DataError
from aher_lightning.features.arrays import map_array
from aher_lightning.features.published_store import FeatureArray, PublishedFeatureStore

_BYTES_PER_MIB = 1 << 20
_REMEDY = "fetch the file again, or leave the video out"


class RecentArrays:
    """Keep the most recently used arrays, up to a number of bytes, in this process.

    For files that can only be read as a whole, of which several spans are wanted. Pickling leaves the arrays behind.

    Args:
        max_bytes: How much to keep; 0 keeps nothing. A larger array is read anew every time.

    Example:
        >>> recent = RecentArrays(1000)
        >>> recent.get(Path("a"), lambda: np.zeros(3)) is recent.get(Path("a"), lambda: np.ones(3))
        True
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._arrays: OrderedDict[Path, npt.NDArray[np.generic]] = OrderedDict()

    @property
    def num_bytes(self) -> int:
        """Bytes of the arrays that are kept."""
        return sum(array.nbytes for array in self._arrays.values())

    def get(self, path: Path, read: Callable[[], npt.NDArray[np.generic]]) -> npt.NDArray[np.generic]:
        """Return the array of a file, which ``read`` reads unless it is kept; do not write into it."""
        array = self._arrays.get(path)
        if array is None:
            array = read()
            if array.nbytes > self.max_bytes:
                return array
            self._arrays[path] = array
        self._arrays.move_to_end(path)
        while self.num_bytes > self.max_bytes:
            self._arrays.popitem(last=False)
        return array

    def __getstate__(self) -> dict[str, object]:
        return {"max_bytes": self.max_bytes, "_arrays": OrderedDict()}


class FileFolderStore(PublishedFeatureStore):
    """Third-party features, one file ``<prefix><video id><suffix>.<format>`` per video.

    Files that can only be read as a whole are kept in memory for the next span.

    Args:
        root: See :class:`PublishedFeatureStore`, as for the next three.
        durations: JSON file with durations in seconds.
        skip_missing: Whether to leave out videos without features.
        tolerance: Snippets by which a video may have more or less than expected.
        cache_mib: Size of this cache per process in MiB; 0 disables it.
    """

    def __init__(
        self,
        root: Path,
        durations: Path | None = None,
        *,
        skip_missing: bool = False,
        tolerance: int = 2,
        cache_mib: int = 128,
    ) -> None:
        super().__init__(root, durations, skip_missing=skip_missing, tolerance=tolerance)
        self._recent = RecentArrays(cache_mib * _BYTES_PER_MIB)

    @abstractmethod
    def _read_file(self, path: Path) -> npt.NDArray[np.generic]:
        """Read a file as a whole."""

    def _names(self) -> Collection[str]:
        try:
            return {path.name for path in self.root.iterdir()}
        except OSError as failure:
            raise DataError(f"{self.root}: cannot be read ({failure.strerror}); give a readable folder") from None

    def _name(self, video_id: str) -> str:
        return f"{self.manifest.prefix}{video_id}{self.manifest.suffix}.{self.manifest.format}"

    def _array(self, video_id: str) -> AbstractContextManager[FeatureArray]:
        path = self.root / self._name(video_id)
        return nullcontext(cast("FeatureArray", self._recent.get(path, lambda: self._read_file(path))))


class ArrayFolderStore(FileFolderStore):
    """Third-party features, one ``.npy``, ``.npz`` or ``.pt`` file per video, as ActionFormer and OpenTAD have them.

    An ``.npy`` file is memory-mapped, so that only the bytes of a span are read; the others are read as a whole.
    Files are never unpickled: archives may hold plain arrays, ``.pt`` files tensors and dictionaries of them.
    See :class:`FileFolderStore` for the arguments, :class:`PublishedFeatureStore` for the errors.
    """

    formats = ("npy", "npz", "pt")

    def _array(self, video_id: str) -> AbstractContextManager[FeatureArray]:
        if self.manifest.format != "npy":
            return super()._array(video_id)
        # Mapped anew for every read: a mapping kept open would be shared across forked workers.
        return nullcontext(cast("FeatureArray", map_array(self.root / self._name(video_id), remedy=_REMEDY)))

    def _read_file(self, path: Path) -> npt.NDArray[np.generic]:
        read = _read_archive if self.manifest.format == "npz" else _read_tensor
        try:
            return read(path, self.manifest.key)
        except pickle.UnpicklingError:
            raise DataError(
                f"{path}: holds no plain tensors (Python objects are not loaded); fetch it again, or save tensors"
            ) from None
        except (OSError, ValueError, EOFError, RuntimeError, TypeError, zipfile.BadZipFile) as failure:
            reason = " ".join(str(failure).split())[:200]
            raise DataError(f"{path}: cannot be read ({reason}); {_REMEDY}") from None


def _read_archive(path: Path, key: str) -> npt.NDArray[np.generic]:
    """Read one array of an ``.npz`` file."""
    # Opened here: NumPy leaves a damaged archive open.
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError(f"{path}: is a single array, not an archive; set format to npy and rename it to .npy")
        array: npt.NDArray[np.generic] = archive[_choose_key(path, archive.files, key)]
    return array


def _read_tensor(path: Path, key: str) -> npt.NDArray[np.generic]:
    """Read one tensor of a ``.pt`` file."""
    content: object = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, dict):
        content = content[_choose_key(path, [name for name in content if isinstance(name, str)], key)]
    elif key:
        raise DataError(f"{path}: is not a dictionary with the key {key!r:.80}; leave 'key' out of the manifest")
    if not isinstance(content, torch.Tensor):
        raise DataError(
            f"{path}: holds a {type(content).__name__} where a tensor is expected; correct 'key' or the file"
        )
    # NumPy has no bfloat16.
    values = content.detach().float() if content.dtype == torch.bfloat16 else content.detach()
    return cast("npt.NDArray[np.generic]", values.numpy())


def _choose_key(path: Path, keys: Collection[str], key: str) -> str:
    """The key that the manifest names, or the only one."""
    if key in keys:
        return key
    if not key and len(keys) == 1:
        return next(iter(keys))
    listed = ", ".join(repr(one)[:40] for one in list(keys)[:5]) or "nothing"
    raise DataError(f"{path}: holds {listed}; name one of them as 'key' in the manifest")
