"""Stores of snippet features on disk: extracted once, read by span."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.errors import DataError
from aher_lightning.features.arrays import REMEDY, file_sha256, map_array, write_array
from aher_lightning.features.manifest import FeatureManifest, StoredVideo
from aher_lightning.ops.spans import place_snippets
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.contract import PROVENANCE, TemporalContract


class FeatureStore(ABC):
    """Base of all stores of snippet features."""

    @property
    @abstractmethod
    def contract(self) -> TemporalContract:
        """Temporal contract of the features."""

    @property
    @abstractmethod
    def video_ids(self) -> list[str]:
        """Names of all videos with features, sorted."""

    @abstractmethod
    def duration_sec(self, video_id: str) -> float:
        """Return the duration of a video in seconds.

        Raises:
            DataError: If the video has no features.
        """

    @abstractmethod
    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        """Return the snippets whose centres lie in the span, at least the nearest one.

        Args:
            video_id: Name of the video.
            span_sec: Start and end in seconds; ``None`` for the whole video.

        Returns:
            Features, float32 ``(N, C)``, with places normalized to the span.

        Raises:
            DataError: If the video has no features, or they are damaged.
            ValueError: If the span does not end after it starts.
        """


class NpyFeatureStore(FeatureStore):
    """One memory-mapped ``.npy`` file ``(N, C)`` per video and one ``manifest.json``.

    Several processes, also on several nodes, may write at once: every file is written atomically, so that a killed
    process leaves no partial file, and the next run writes what is missing. The store is opened on first use and
    remembers its contents; :meth:`refresh` reads them again.

    Args:
        root: Folder of the store.
        expected: Required contract of the features; fields about backbone and reader are not compared.

    Raises:
        DataError: On first use, if there is no store or its manifest is damaged.
        ContractError: On first use, if the contract differs from the expected one.
    """

    def __init__(self, root: Path, expected: TemporalContract | None = None) -> None:
        self.root = root
        self.expected = expected

    @classmethod
    def create(cls, root: Path, contract: TemporalContract) -> NpyFeatureStore:
        """Create a store, or open an existing one to continue it.

        Raises:
            ContractError: If the existing store has another contract, in any field.
            DataError: If the folder cannot be written, or its manifest is damaged.
        """
        FeatureManifest.create(root, contract)
        return cls(root)

    # Opened on first use: configuration tools bury errors of a constructor in long messages of their own.
    @cached_property
    def _manifest(self) -> FeatureManifest:
        """The manifest, its contract checked."""
        manifest = FeatureManifest(self.root)
        if self.expected is not None:
            self.expected.check_compatible(manifest.contract, ignore=PROVENANCE)
        return manifest

    @cached_property
    def _videos(self) -> dict[str, StoredVideo]:
        """Records as last read."""
        return self._manifest.videos()

    @property
    def contract(self) -> TemporalContract:
        """Temporal contract of the features."""
        return self._manifest.contract

    @property
    def video_ids(self) -> list[str]:
        """Names of all videos with features, sorted."""
        return sorted(self._videos)

    def duration_sec(self, video_id: str) -> float:
        """Return the duration of a video; see :meth:`FeatureStore.duration_sec`."""
        return self._find(video_id).duration_sec

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        """Return the snippets of a span, reading no other bytes; see :meth:`FeatureStore.read`."""
        video = self._find(video_id)
        contract = self.contract
        place = place_snippets(
            video.num_snippets, contract.first_centre_sec, contract.step_sec, span_sec, video.duration_sec
        )
        features = self._map(video_id, video)[place.chosen.start : place.chosen.stop].astype(np.float32)
        return SnippetSequence(torch.from_numpy(features), place.first_centre, place.step)

    def missing(self, video_ids: Iterable[str]) -> list[str]:
        """Return the videos whose features are missing or truncated, in the given order, each once.

        Raises:
            DataError: If an id is no plain file name.
        """
        wanted = dict.fromkeys(validate_video_id(video_id, DataError) for video_id in video_ids)
        return [video_id for video_id in wanted if not self._is_readable(video_id)]

    def write(
        self,
        video_id: str,
        features: Tensor,
        duration_sec: float,
        dtype: Literal["float16", "float32"] = "float32",
    ) -> None:
        """Store the features of a video, replacing older ones.

        Args:
            video_id: Name of the video.
            features: Features of all snippets of the video, shape ``(N, C)``.
            duration_sec: Duration of the video in seconds.
            dtype: Precision on disk; ``float16`` halves the size.

        Raises:
            DataError: If the id is no plain file name, or the file cannot be written.
            ValueError: If the features are empty, of another shape, or not finite in this precision.
        """
        path = self._path(validate_video_id(video_id, DataError))
        values = features.detach().to("cpu", getattr(torch, dtype)).contiguous().numpy()
        if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
            raise ValueError(f"features of {video_id!r} must be finite and (N, C), but are {values.shape} as {dtype}")
        checksum = write_array(path, values)
        video = StoredVideo(values.shape[0], values.shape[1], dtype, float(duration_sec), checksum)
        self._manifest.add(video_id, video)
        self._videos[video_id] = video

    def has(self, video_id: str) -> bool:
        """Return whether a video has features by now, written by any process.

        Raises:
            DataError: If the record is damaged.
        """
        video = self._manifest.find(validate_video_id(video_id, DataError))
        if video is not None:
            self._videos[video_id] = video
        return video is not None and self._is_readable(video_id)

    def finalize(self, patience_sec: float = 0.0) -> None:
        """Merge the records of all processes into the manifest; optional and repeatable.

        Args:
            patience_sec: How long to wait while another process does.

        Raises:
            DataError: If the manifest is damaged or cannot be written.
        """
        self._manifest.merge(patience_sec)
        self.refresh()

    def refresh(self) -> None:
        """Read the contents of the store again, after other processes wrote to it.

        Raises:
            DataError: If the manifest is damaged.
        """
        self._videos = self._manifest.videos()

    def verify(self) -> list[str]:
        """Return the videos whose files are missing or differ from their checksums, sorted; reads every byte."""
        return [video_id for video_id in self.video_ids if not self._is_intact(video_id)]

    def _is_readable(self, video_id: str) -> bool:
        """Whether a video has features of the recorded shape."""
        try:
            self._map(video_id, self._find(video_id))
        except DataError:
            return False
        return True

    def _is_intact(self, video_id: str) -> bool:
        """Whether the file of a video has its recorded checksum."""
        path = self._path(video_id)
        return path.is_file() and file_sha256(path) == self._videos[video_id].sha256

    def _path(self, video_id: str) -> Path:
        """The file of a video with a valid id."""
        return self.root / f"{video_id}.npy"

    def _find(self, video_id: str) -> StoredVideo:
        """The record of a video."""
        if video_id not in self._videos:
            raise DataError(
                f"{self.root}: no features of video {video_id!r:.80} among {len(self._videos)}; "
                "extract them, or remove the video from the annotations"
            )
        return self._videos[video_id]

    def _map(self, video_id: str, video: StoredVideo) -> npt.NDArray[np.floating]:
        """Memory-map the file of a video; check its shape and type against the record."""
        # Mapped anew for every read: a mapping kept open would be shared across forked workers.
        features = map_array(self._path(video_id))
        found = (features.shape, str(features.dtype))
        if found != ((video.num_snippets, video.num_channels), video.dtype):
            raise DataError(f"{self._path(video_id)}: {found[1]} {found[0]} differs from the manifest; {REMEDY}")
        return features
