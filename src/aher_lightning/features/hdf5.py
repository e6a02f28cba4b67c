"""Third-party features in one HDF5 file; needs the extra ``hdf5``, imported on use."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from torch.utils.data import get_worker_info

from aher_lightning.errors import DataError, require_extra
from aher_lightning.features.published_store import FeatureArray, PublishedFeatureStore

if TYPE_CHECKING:
    import h5py


class Hdf5Store(PublishedFeatureStore):
    """Third-party features in one HDF5 file: one dataset per video, or one group with a dataset ``key``.

    Reading a span reads its chunks only. HDF5 does not survive a fork, so the file stays open only in loader workers,
    which never fork; elsewhere it is closed after every read. Links to other files are not followed. See
    :class:`PublishedFeatureStore` for arguments and errors.

    Raises:
        ConfigError: On first use, if h5py is not installed.
    """

    formats = ("hdf5",)

    _opened: h5py.File | None = None
    """The file, in a worker that has read from it."""

    def _names(self) -> Collection[str]:
        with self._file() as file:
            return list(file.keys())

    def _name(self, video_id: str) -> str:
        return f"{self.manifest.prefix}{video_id}{self.manifest.suffix}"

    def _place(self, video_id: str) -> str:
        return f"{self.root / self.manifest.file}, {self._name(video_id)!r:.80}"

    @contextmanager
    def _array(self, video_id: str) -> Iterator[FeatureArray]:
        with self._file() as file:
            try:
                yield cast("FeatureArray", self._dataset(file, video_id))
            except OSError as failure:
                reason = " ".join(str(failure).split())[:200]
                raise DataError(f"{self._place(video_id)}: cannot be read ({reason}); fetch the file again") from None

    def _dataset(self, file: h5py.File, video_id: str) -> h5py.Dataset:
        """Find the dataset of a video without leaving the file."""
        import h5py

        node: h5py.Group | h5py.Dataset = file
        for part in [self._name(video_id), *self.manifest.key.split("/")]:
            if not part:
                continue
            link = node.get(part, getlink=True) if isinstance(node, h5py.Group) and part in node else None
            if not isinstance(link, h5py.HardLink):
                held = f"; it holds {', '.join(list(node)[:5])!r:.120}" if isinstance(node, h5py.Group) else ""
                raise DataError(
                    f"{self._place(video_id)}: has no {part!r:.80}{held}; correct 'key' in the manifest, "
                    "and copy what is linked from elsewhere into the file"
                )
            node = node[part]
        if not isinstance(node, h5py.Dataset):
            raise DataError(
                f"{self._place(video_id)}: is a group of {', '.join(list(node)[:5])!r:.120}; "
                "name one of them as 'key' in the manifest"
            )
        if node.external or node.is_virtual:
            raise DataError(f"{self._place(video_id)}: is stored in other files; copy the values into this one")
        return node

    @contextmanager
    def _file(self) -> Iterator[h5py.File]:
        """The opened file, closed afterwards where a fork may follow."""
        if get_worker_info() is None:
            with self._open() as file:
                yield file
            return
        if self._opened is None:
            self._opened = self._open()
        yield self._opened

    def _open(self) -> h5py.File:
        """Open the file."""
        path = self.root / self.manifest.file
        require_extra("hdf5", "a store of HDF5 features")
        import h5py

        if not path.is_file():
            raise DataError(f"{path}: no such file; copy it there, or correct 'file' in the manifest")
        try:
            return h5py.File(path, "r")
        except OSError as failure:
            reason = " ".join(str(failure).split())[:200]
            raise DataError(f"{path}: cannot be opened ({reason}); give a readable HDF5 file") from None

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_opened"}
