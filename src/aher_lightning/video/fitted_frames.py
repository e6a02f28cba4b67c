"""Resized and cropped frames of a video as one array, or part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from torch import Tensor

from aher_lightning.video.clips import iter_fitted_frames
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.reader import Image, VideoReader


def read_fitted_frames(
    reader: VideoReader, path: Path, contract: TemporalContract, times_sec: Sequence[float]
) -> Image:
    """Return the frames of :func:`~aher_lightning.video.clips.iter_fitted_frames`, uint8, shape ``(M, 3, H, W)``."""
    frames = np.empty((len(times_sec), 3, contract.crop, contract.crop), dtype=np.uint8)
    for position, frame in enumerate(iter_fitted_frames(reader, path, contract, times_sec)):
        frames[position] = frame.numpy()
    return frames


_opened: Iterator[Tensor] = iter(())
"""The remaining frames of the video opened last; a child decodes one at a time."""


def open_fitted_frames(reader: VideoReader, path: Path, contract: TemporalContract, times_sec: Sequence[float]) -> None:
    """Open a video for :func:`next_fitted_frames`; once, as opening a video of a day takes a second."""
    global _opened
    _opened = iter_fitted_frames(reader, path, contract, times_sec)


def next_fitted_frames(count: int) -> Image:
    """Return up to ``count`` more frames of the video opened last, uint8, shape ``(M, 3, H, W)``; none at the end."""
    frames = [frame.numpy() for frame in islice(_opened, count)]
    return np.stack(frames) if frames else np.empty((0, 3, 0, 0), dtype=np.uint8)
