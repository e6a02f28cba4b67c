"""What every video reader offers: facts about a file, and the frames on display at given times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""One picture, RGB, shape ``(H, W, 3)``, upright."""

TIME_TOLERANCE_SEC = 1e-6
"""A frame that starts this little after a time is shown at it; absorbs rounding, far below any frame duration."""


class VideoInfo(NamedTuple):
    """Facts about the best video stream of a file, from its packets rather than its header.

    Attributes:
        path: The file.
        duration_sec: From the first frame to the end of the last, in seconds.
        width: Width of the upright picture in pixels.
        height: Height of the upright picture in pixels.
        average_fps: Frames per second on average.
        frame_count: Number of frames found in the file.
        codec: Name of the decoder, such as ``h264``.
        rotation: Degrees (0, 90, 180, 270) by which readers turn the stored picture anti-clockwise.
        container: FFmpeg's name of the file format, such as ``mov,mp4,m4a,3gp,3g2,mj2``.
        pixel_format: Name of the pixel format, such as ``yuv420p``.
        has_constant_rate: Whether all frames last equally long, up to the rounding of time stamps.
        further_streams: Number of further video streams; readers decode the one with most pixels.
    """

    path: Path
    duration_sec: float
    width: int
    height: int
    average_fps: float
    frame_count: int
    codec: str
    rotation: int
    container: str
    pixel_format: str
    has_constant_rate: bool
    further_streams: int


class VideoReader(ABC):
    """Decodes video files; times are seconds after the first frame, whatever its time stamp.

    The frame on display at a time is the last that starts no later, or the first frame for earlier times. Both methods
    must raise :class:`~aher_lightning.errors.VideoError` with one line that names file, reason and remedy.
    """

    @property
    @abstractmethod
    def version(self) -> str:
        """Version of the decoding library, for the temporal contract."""

    @property
    def fallback(self) -> VideoReader | None:
        """The reader to try where this one crashes or hangs, if there is one."""
        return None

    @abstractmethod
    def probe(self, path: Path) -> VideoInfo:
        """Return facts about a video.

        Args:
            path: The file.

        Returns:
            The facts.

        Raises:
            VideoError: If the file is missing, empty, damaged, truncated or no video.
        """

    @abstractmethod
    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        """Yield the frame on display at each time, in one pass that holds few pictures.

        May yield the same array again: do not write into it.

        Args:
            path: File to decode.
            times_sec: Seconds after the first frame, ascending.

        Yields:
            Pictures, RGB uint8 ``(H, W, 3)``, upright.

        Raises:
            VideoError: If the file is missing, empty, damaged, truncated or no video.
            ValueError: If the times do not ascend or are not finite.
        """


def ascending_times(times_sec: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return times as an array; refuse what a single pass cannot serve.

    Args:
        times_sec: Seconds after the first frame.

    Returns:
        The times, shape ``(n,)``.

    Raises:
        ValueError: If they do not ascend or are not finite.

    Example:
        >>> ascending_times([0.5, 0.5, 1.0])
        array([0.5, 0.5, 1. ])
    """
    times = np.asarray(times_sec, dtype=np.float64).reshape(-1)
    if not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise ValueError("times must be finite and ascending; sort them before reading")
    return times
