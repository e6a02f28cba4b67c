"""From frames to snippets: which frames of a video make up which clip, and how they are cropped."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.reader import Image, VideoReader

_ROUNDING_FRAMES = 1e-6
"""A duration of so many grid frames more or less than an integer is that integer."""


def count_clips(duration_sec: float, contract: TemporalContract) -> int:
    """Return how many clips fit into a duration, at least one.

    Args:
        duration_sec: Seconds to cover.
        contract: How frames become clips.

    Returns:
        Number of clips N, at least 1.

    Example:
        >>> count_clips(10.0, TemporalContract(fps=10.0))
        11
    """
    frames = _count_grid_frames(duration_sec, contract.fps) - _first_frame(contract)
    return max(1, math.floor((frames - contract.clip_length) / contract.snippet_stride) + 1)


def frame_times(duration_sec: float, contract: TemporalContract) -> npt.NDArray[np.float64]:
    """Return when the frames of all clips are taken; clip ``k`` starts ``k * snippet_stride`` frames in.

    In the middle of every whole grid frame, so that a grid as fast as the video meets each of its frames once in spite
    of rounding. Frames before the start or after the end, which a short video or an early first clip asks for, repeat
    the first or the last grid frame.

    Args:
        duration_sec: Seconds to cover.
        contract: How frames become clips.

    Returns:
        Ascending seconds after the start, one per grid frame.

    Example:
        >>> frame_times(0.3, TemporalContract(fps=10.0, clip_length=4, first_centre_frames=2.0)).round(2).tolist()
        [0.05, 0.15, 0.25, 0.25]
    """
    num_frames = (count_clips(duration_sec, contract) - 1) * contract.snippet_stride + contract.clip_length
    positions = np.arange(num_frames) + _first_frame(contract)
    last = _count_grid_frames(duration_sec, contract.fps) - 1
    return (positions.clip(0, last) + 0.5) / contract.fps


def fit_frame(image: Image, resize: int, crop: int) -> Tensor:
    """Return the central square of a picture after resizing its shorter side, bilinear with antialiasing.

    Args:
        image: RGB uint8, shape ``(H, W, 3)``.
        resize: Shorter side in pixels before cropping.
        crop: Side of the square in pixels, at most ``resize``.

    Returns:
        Pixels, uint8, shape ``(3, crop, crop)``; a view.
    """
    pixels = torch.from_numpy(image).permute(2, 0, 1)
    height, width = image.shape[:2]
    scale = resize / min(height, width)
    size = [max(resize, round(height * scale)), max(resize, round(width * scale))]
    if size != [height, width]:
        pixels = interpolate(pixels[None], size=size, mode="bilinear", antialias=True)[0]
    top, left = (size[0] - crop) // 2, (size[1] - crop) // 2
    return pixels[:, top : top + crop, left : left + crop]


def iter_fitted_frames(
    reader: VideoReader, path: Path, contract: TemporalContract, times_sec: Sequence[float]
) -> Iterator[Tensor]:
    """Yield the frames on display at some times, resized and cropped; a frame shown twice is resized once.

    Args:
        reader: Decodes the video.
        path: File to read.
        contract: Size of the frames.
        times_sec: Seconds after the first frame, ascending.

    Yields:
        Pixels, uint8, shape ``(3, H, W)``; do not write into them.

    Raises:
        VideoError: If the video cannot be decoded.
    """
    shown: Image | None = None
    for image in reader.iter_frames(path, times_sec):
        if image is not shown:
            shown, fitted = image, fit_frame(image, contract.resize, contract.crop)
        yield fitted


def iter_clips(frames: Iterator[Tensor], contract: TemporalContract) -> Iterator[Tensor]:
    """Yield one clip after another, holding the frames of one.

    Args:
        frames: The frames at :func:`frame_times`, pixels ``(3, H, W)``.
        contract: How frames become clips.

    Yields:
        Pixels, uint8, shape ``(3, F, H, W)``.
    """
    window = deque(islice(frames, contract.clip_length), maxlen=contract.clip_length)
    yield torch.stack(list(window), dim=1)
    for position, frame in enumerate(frames, start=1):
        window.append(frame)
        if position % contract.snippet_stride == 0:
            yield torch.stack(list(window), dim=1)


def clips_from_frames(frames: Tensor, contract: TemporalContract) -> Tensor:
    """Return all clips at once.

    Args:
        frames: The frames at :func:`frame_times`, uint8, shape ``(M, 3, H, W)``.
        contract: How frames become clips.

    Returns:
        Pixels, uint8, shape ``(N, 3, F, H, W)``; a view of ``frames``.
    """
    clips: Tensor = frames.unfold(0, contract.clip_length, contract.snippet_stride)
    return clips.permute(0, 1, 4, 2, 3)


def normalize_clips(clips: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return clips as a backbone wants them: ``(pixels / 255 - mean) / std``.

    Args:
        clips: Pixels, uint8, shape ``(N, 3, F, H, W)``.
        mean: Mean of each channel.
        std: Standard deviation of each channel.

    Returns:
        Normalized pixels, float32, shape ``(N, 3, F, H, W)``.

    Example:
        >>> white = torch.full((1, 3, 1, 1, 1), 255, dtype=torch.uint8)
        >>> normalize_clips(white, (0.5, 0.5, 0.5), (0.5, 0.25, 1.0)).flatten().tolist()
        [1.0, 2.0, 0.5]
    """
    centre = torch.tensor(mean, device=clips.device).view(3, 1, 1, 1)
    spread = torch.tensor(std, device=clips.device).view(3, 1, 1, 1)
    return clips.float().mul_(1.0 / (255.0 * spread)).sub_(centre / spread)


def _count_grid_frames(duration_sec: float, fps: float) -> int:
    """Number of grid frames whose middle lies within the duration, at least one."""
    return max(1, math.ceil(duration_sec * fps - 0.5 - _ROUNDING_FRAMES))


def _first_frame(contract: TemporalContract) -> float:
    """Where the first clip starts, in grid frames; negative if it starts before the video."""
    return contract.first_centre_frames - contract.clip_length / 2
