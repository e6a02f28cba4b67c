"""One file of features, with or without a manifest beside it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from aher_lightning.errors import DataError
from aher_lightning.features.array_folder import ArrayFolderStore
from aher_lightning.features.arrays import map_array
from aher_lightning.features.published_manifest import MANIFEST_NAME
from aher_lightning.features.store import FeatureStore, NpyFeatureStore
from aher_lightning.ops.spans import place_snippets
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.contract import TemporalContract

FEATURE_SUFFIX = ".npy"
"""Suffix of files that are taken for features where videos are expected."""

_REMEDY = "give floats of shape (T, C), saved by numpy.save"


def open_feature_file(path: Path, contract: TemporalContract) -> tuple[FeatureStore, str]:
    """Return a store that has the features of a file, and their name in it.

    A manifest beside the file says times, layout and durations; without one they are those of ``contract``.

    Args:
        path: An ``.npy`` file.
        contract: How snippets are spaced where nothing else says so.

    Raises:
        DataError: If a manifest beside the file is damaged.
    """
    root, name = path.parent, path.stem
    if (root / MANIFEST_NAME).is_file():
        store = ArrayFolderStore(root, skip_missing=True)
        return store, name.removeprefix(store.manifest.prefix).removesuffix(store.manifest.suffix)
    if (root / "manifest.json").is_file():
        return NpyFeatureStore(root), name
    return LooseFile(path, contract), name


class LooseFile(FeatureStore):
    """The features of one video, ``(T, C)`` in an ``.npy`` file; its duration is what its snippets cover.

    Args:
        path: The file.
        contract: How its snippets are spaced.
    """

    def __init__(self, path: Path, contract: TemporalContract) -> None:
        self.path = path
        self._contract = contract

    @property
    def contract(self) -> TemporalContract:
        """Temporal contract of the features."""
        return self._contract

    @property
    def video_ids(self) -> list[str]:
        """The name of the file."""
        return [self.path.stem]

    @cached_property
    def _length(self) -> int:
        """Number of snippets; DataError if the file holds anything else."""
        values = map_array(self.path, remedy=_REMEDY)
        if values.ndim != 2 or values.dtype.kind != "f" or 0 in values.shape:
            raise DataError(f"{self.path}: holds {values.dtype} {values.shape}, not features; {_REMEDY}")
        return len(values)

    def duration_sec(self, video_id: str) -> float:  # noqa: ARG002 - there is one
        """Return the seconds from the start of the video to the end of its last clip."""
        contract = self.contract
        frames = contract.first_centre_frames + (self._length - 1) * contract.snippet_stride + contract.clip_length / 2
        return frames / contract.fps

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        """Return the snippets of a span; see :meth:`FeatureStore.read`."""
        first, step, total = self.contract.first_centre_sec, self.contract.step_sec, self.duration_sec(video_id)
        place = place_snippets(self._length, first, step, span_sec, total)
        values = map_array(self.path, remedy=_REMEDY)[place.chosen.start : place.chosen.stop].astype(np.float32)
        if not np.isfinite(values).all():
            raise DataError(f"{self.path}: not all of its values are finite; compute the features again")
        return SnippetSequence(torch.from_numpy(values), place.first_centre, place.step)
