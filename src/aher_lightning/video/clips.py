"""From frames to snippets: which frames make up each clip, and how they are cropped."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
"""Rounding tolerance for the number of grid frames in a duration."""


def count_clips(duration_sec: float, contract: TemporalContract) -> int:
    """Return how many clips fit into a duration in seconds, at least one.

    Example:
        >>> count_clips(10.0, TemporalContract(fps=10.0))
        11
    """
    frames = _count_grid_frames(duration_sec, contract.fps) - _first_frame(contract)
    return max(1, math.floor((frames - contract.clip_length) / contract.snippet_stride) + 1)


def frame_times(duration_sec: float, contract: TemporalContract) -> npt.NDArray[np.float64]:
    """Return the sampling times of all clips in ascending seconds; clip ``k`` starts at entry ``k * snippet_stride``.

    Each lies in the middle of its grid frame, so that a grid at the rate of the video samples every frame once despite
    rounding. Frames before the start or after the end (short videos, early first clips) repeat the first or last one.

    Example:
        >>> frame_times(0.3, TemporalContract(fps=10.0, clip_length=4, first_centre_frames=2.0)).round(2).tolist()
        [0.05, 0.15, 0.25, 0.25]
    """
    num_frames = (count_clips(duration_sec, contract) - 1) * contract.snippet_stride + contract.clip_length
    positions = np.arange(num_frames) + _first_frame(contract)
    last = _count_grid_frames(duration_sec, contract.fps) - 1
    return (positions.clip(0, last) + 0.5) / contract.fps


def delay_clips(contract: TemporalContract, delay_frames: int, duration_sec: float) -> TemporalContract:
    """Return the contract with all clips of a video later, the first one no later than it fits into the duration.

    Example:
        >>> contract = TemporalContract(fps=10.0, clip_length=16)
        >>> [delay_clips(contract, 5, duration_sec).first_centre_frames for duration_sec in (3.0, 1.8, 1.2)]
        [13.0, 10.0, 8.0]
    """
    spare = _count_grid_frames(duration_sec, contract.fps) - _first_frame(contract) - contract.clip_length
    return replace(contract, first_centre_frames=contract.first_centre_frames + max(0.0, min(delay_frames, spare)))


def fit_frame(image: Image, resize: int, crop: int) -> Tensor:
    """Resize the shorter side of a picture, bilinear with antialiasing, and crop the central square.

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
    """Yield the frames on display at ascending times, resized and cropped; see :meth:`VideoReader.iter_frames`.

    Yields:
        Pixels, uint8, shape ``(3, H, W)``, read-only: a frame shown twice is the same tensor.
    """
    shown: Image | None = None
    for image in reader.iter_frames(path, times_sec):
        if image is not shown:
            shown, fitted = image, fit_frame(image, contract.resize, contract.crop)
        yield fitted


def iter_clips(frames: Iterator[Tensor], contract: TemporalContract) -> Iterator[Tensor]:
    """Yield clips ``(3, F, H, W)`` from the frames ``(3, H, W)`` at :func:`frame_times`, holding one clip at a time."""
    window = deque(islice(frames, contract.clip_length), maxlen=contract.clip_length)
    yield torch.stack(list(window), dim=1)
    for position, frame in enumerate(frames, start=1):
        window.append(frame)
        if position % contract.snippet_stride == 0:
            yield torch.stack(list(window), dim=1)


def clips_from_frames(frames: Tensor, contract: TemporalContract) -> Tensor:
    """Return all clips ``(N, 3, F, H, W)``, a view of the frames ``(M, 3, H, W)`` at :func:`frame_times`."""
    clips: Tensor = frames.unfold(0, contract.clip_length, contract.snippet_stride)
    return clips.permute(0, 1, 4, 2, 3)


def normalize_clips(clips: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return ``(pixels / 255 - mean) / std`` per channel: uint8 to float32, shape ``(N, 3, F, H, W)``.

    Example:
        >>> white = torch.full((1, 3, 1, 1, 1), 255, dtype=torch.uint8)
        >>> normalize_clips(white, (0.5, 0.5, 0.5), (0.5, 0.25, 1.0)).flatten().tolist()
        [1.0, 2.0, 0.5]
    """
    spread = torch.tensor(std, device=clips.device)
    scale, offset = 1.0 / (255.0 * spread), torch.tensor(mean, device=clips.device) / spread
    normalized = clips.float()
    pixels = normalized.movedim(1, -1)
    if not pixels.is_contiguous():
        return normalized.mul_(scale.view(3, 1, 1, 1)).sub_(offset.view(3, 1, 1, 1))
    # Channels last: whole rows at once, since processors cannot vectorize the innermost three values of a broadcast.
    width = pixels.shape[-2]
    pixels.flatten(-2).mul_(scale.repeat(width)).sub_(offset.repeat(width))
    return normalized


def _count_grid_frames(duration_sec: float, fps: float) -> int:
    """Number of grid frames whose middle lies within the duration, at least one."""
    return max(1, math.ceil(duration_sec * fps - 0.5 - _ROUNDING_FRAMES))


def _first_frame(contract: TemporalContract) -> float:
    """Where the first clip starts, in grid frames; negative if it starts before the video."""
    return contract.first_centre_frames - contract.clip_length / 2
