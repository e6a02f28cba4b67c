"""Many small frames of a video in one array: what snippets are cut from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aher_lightning.video.clips import iter_fitted_frames
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.reader import Image, VideoReader


def read_fitted_frames(
    reader: VideoReader, path: Path, contract: TemporalContract, times_sec: Sequence[float]
) -> Image:
    """Return the frames on display at some times, resized and cropped; only small frames are held.

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
