"""Many small frames of a video in one array, all at once or part by part."""

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
    """Return the frames on display at some times, resized and cropped.

    Args:
        reader: Decodes the video.
        path: File to read.
        contract: Size of the frames.
        times_sec: Seconds after the first frame, ascending; M of them.

    Returns:
        Pixels, uint8, shape ``(M, 3, H, W)``.

    Raises:
        VideoError: If the video cannot be decoded.
    """
    frames = np.empty((len(times_sec), 3, contract.crop, contract.crop), dtype=np.uint8)
    for position, frame in enumerate(iter_fitted_frames(reader, path, contract, times_sec)):
        frames[position] = frame.numpy()
    return frames


_opened: Iterator[Tensor] = iter(())
"""The rest of the video that this process opened last; a child decodes one at a time."""


def open_fitted_frames(reader: VideoReader, path: Path, contract: TemporalContract, times_sec: Sequence[float]) -> None:
    """Open a video for :func:`next_fitted_frames`: once, as opening a video of a day takes a second.

    Args:
        reader: Decodes the video.
        path: File to read.
        contract: Size of the frames.
        times_sec: Seconds after the first frame, ascending.
    """
    global _opened
    _opened = iter_fitted_frames(reader, path, contract, times_sec)


def next_fitted_frames(count: int) -> Image:
    """Return the next frames of the video that was opened last.

    Args:
        count: How many at most.

    Returns:
        Pixels, uint8, shape ``(M, 3, H, W)``; no frame at the end.

    Raises:
        VideoError: If the video cannot be decoded.
    """
    frames = [frame.numpy() for frame in islice(_opened, count)]
    return np.stack(frames) if frames else np.empty((0, 3, 0, 0), dtype=np.uint8)
