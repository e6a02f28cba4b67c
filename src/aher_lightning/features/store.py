"""Snippet features kept on disk: extracted once, read by span."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aher_lightning.annotations.activitynet import validate_video_id
from aher_lightning.errors import DataError
from aher_lightning.features.arrays import MEND, file_sha256, map_array, write_array
from aher_lightning.features.manifest import DTYPES, FeatureManifest, StoredVideo
from aher_lightning.features.spans import place_snippets
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.contract import PROVENANCE, TemporalContract

_POLL_SEC = 0.05
"""How often to look whether another process has finished what takes a moment."""


class FeatureStore(ABC):
    """Where snippet features are read from."""

    @property
    @abstractmethod
    def contract(self) -> TemporalContract:
        """How the features came about."""

    @property
    @abstractmethod
    def video_ids(self) -> list[str]:
        """Names of all videos with features, sorted."""

    @abstractmethod
    def duration_sec(self, video_id: str) -> float:
        """Return the duration of a video.

        Args:
            video_id: Name of the video.

        Returns:
            Seconds.

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
            Features, float32 ``(N, C)``, their places normalized to the span.

        Raises:
            DataError: If the video has no features, or they are damaged.
            ValueError: If the span does not end after it starts.
        """


class NpyFeatureStore(FeatureStore):
    """One memory-mapped ``.npy`` file ``(N, C)`` per video and one ``manifest.json``.

    Several processes, on several nodes too, may write at once: every file is written aside and renamed,
    so that a killed process leaves nothing half-written, and the next run writes what is missing. The
    store is opened when it is first used; its contents as of then are remembered, :meth:`refresh` looks again.

    Args:
        root: Folder of the store.
        expected: Contract that the features must have; fields about backbone and reader are not compared.

    Raises:
        DataError: On first use, if there is no store or its manifest is damaged.
        ContractError: On first use, if the contract is not the expected one.
    """

    def __init__(self, root: Path, expected: TemporalContract | None = None) -> None:
        self.root = root
        self.expected = expected

    @classmethod
    def create(cls, root: Path, contract: TemporalContract) -> NpyFeatureStore:
        """Make a store, or open the one that is there in order to go on with it.

        Args:
            root: Folder of the store; made if missing.
            contract: How the features come about.

        Returns:
            The store.

        Raises:
            ContractError: If the store that is there has another contract, in any field.
            DataError: If the folder cannot be written, or its manifest is damaged.
        """
        FeatureManifest.create(root, contract)
        return cls(root)

    @classmethod
    def adopt(cls, root: Path, contract: TemporalContract, durations_sec: Mapping[str, float]) -> NpyFeatureStore:
        """Write the manifest for ``.npy`` files that another package published.

        Args:
            root: Folder with one file ``ID.npy`` ``(N, C)``, float16 or float32, per video.
            contract: How those features came about, as their publisher says.
            durations_sec: Duration in seconds by video id.

        Returns:
            The store; the files stay as they are.

        Raises:
            DataError: If a file is missing or is no such array.
        """
        manifest = FeatureManifest.create(root, contract)
        for video_id, duration_sec in durations_sec.items():
            path = root / f"{validate_video_id(video_id, DataError)}.npy"
            features = map_array(path)
            if features.ndim != 2 or str(features.dtype) not in DTYPES:
                raise DataError(f"{path}: holds {features.dtype} {features.shape}; give (N, C) in float16 or float32")
            video = StoredVideo(
                features.shape[0], features.shape[1], str(features.dtype), float(duration_sec), file_sha256(path)
            )
            manifest.add(video_id, video)
        manifest.merge()
        return cls(root)

    # Opened on first use: configuration tools wrap what a constructor raises into pages of their own.
    @cached_property
    def _manifest(self) -> FeatureManifest:
        """The manifest, found to be what is expected."""
        manifest = FeatureManifest(self.root)
        if self.expected is not None:
            self.expected.check_compatible(manifest.contract, ignore=PROVENANCE)
        return manifest

    @cached_property
    def _videos(self) -> dict[str, StoredVideo]:
        """What was in the store when it was last looked at."""
        return self._manifest.videos()

    @property
    def contract(self) -> TemporalContract:
        """How the features came about."""
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
        """Return the videos without features, or whose file is lost or cut off: what is still to be extracted.

        Args:
            video_ids: Names of videos.

        Returns:
            Those that are missing, in the given order, each once.

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
        """Store the features of a video, in place of older ones.

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
        """Look whether a video has features by now, other processes' work included.

        Args:
            video_id: Name of the video.

        Returns:
            Whether its features are recorded and there.

        Raises:
            DataError: If the record is damaged.
        """
        video = self._manifest.find(validate_video_id(video_id, DataError))
        if video is not None:
            self._videos[video_id] = video
        return video is not None and self._is_readable(video_id)

    def finalize(self, patience_sec: float = 0.0) -> None:
        """Collect what all processes have recorded into the one manifest; harmless if done twice or never.

        Args:
            patience_sec: How long to wait while another process is at it.

        Raises:
            DataError: If the manifest is damaged or cannot be written.
        """
        until = time.monotonic() + patience_sec
        while not self._manifest.merge() and time.monotonic() < until:
            time.sleep(_POLL_SEC)
        self.refresh()

    def refresh(self) -> None:
        """Look again what is in the store, after other processes wrote into it.

        Raises:
            DataError: If the manifest is damaged.
        """
        self._videos = self._manifest.videos()

    def verify(self) -> list[str]:
        """Return the videos whose files are missing or differ from their checksums; reads every byte.

        Returns:
            Names of damaged videos, sorted.
        """
        return [video_id for video_id in self.video_ids if not self._is_intact(video_id)]

    def _is_readable(self, video_id: str) -> bool:
        """Whether a video has features of the recorded shape."""
        try:
            self._map(video_id, self._find(video_id))
        except DataError:
            return False
        return True

    def _is_intact(self, video_id: str) -> bool:
        """Whether the file of a video is what was written."""
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
                "extract them, or leave the video out of the annotations"
            )
        return self._videos[video_id]

    def _map(self, video_id: str, video: StoredVideo) -> npt.NDArray[np.floating]:
        """Map the file of a video into memory; checks what can be checked without reading it."""
        # Mapped anew for every read: a mapping kept open would be shared across forked workers.
        features = map_array(self._path(video_id))
        found = (features.shape, str(features.dtype))
        if found != ((video.num_snippets, video.num_channels), video.dtype):
            raise DataError(f"{self._path(video_id)}: {found[1]} {found[0]} is not what the manifest says; {MEND}")
        return features
