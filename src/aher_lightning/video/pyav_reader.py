"""Reads all files with PyAV, whose wheels bundle FFmpeg on every platform."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from aher_lightning.errors import VideoError
from aher_lightning.video.probing import (
    FrameIndex,
    can_seek,
    has_presentation_times,
    index_frames,
    open_video,
    quarter_turns,
)
from aher_lightning.video.reader import TIME_TOLERANCE_SEC, Image, VideoInfo, VideoReader, ascending_times

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_WORTH_SEEKING_FRAMES = 8
"""Decoding fewer frames than this is faster than a seek."""

_LOST_SEC = 0.25
"""A file of which decoding lacks more than this at the end is damaged; decoders may hold back a frame or two."""


class PyAVReader(VideoReader):
    """Decode forward with PyAV, skip to later key frames where possible, and apply rotation metadata.

    Args:
        thread_count: Decoder threads; keep 1 inside loader workers, 0 lets FFmpeg choose.
    """

    def __init__(self, thread_count: int = 1) -> None:
        self.thread_count = thread_count

    @property
    def version(self) -> str:
        """Version of PyAV."""
        import av

        return av.__version__

    def probe(self, path: Path) -> VideoInfo:
        """Return facts about a video; see :meth:`VideoReader.probe`."""
        return index_frames(path).info

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        """Yield the frame on display at each time; see :meth:`VideoReader.iter_frames`."""
        return self._iter_frames(ascending_times(times_sec), index_frames(path))

    def _iter_frames(self, times_sec: npt.NDArray[np.float64], index: FrameIndex) -> Iterator[Image]:
        """Yield pictures, converting each frame once."""
        convert = _picture_converter()
        with open_video(index.info.path, self.thread_count) as (container, stream):
            cursor = _FrameCursor(container, stream, index)
            shown: VideoFrame | None = None
            for request in _requests(index, times_sec, has_presentation_times(container)):
                frame = cursor.advance(request)
                if frame is not shown:
                    shown, image = frame, convert(frame)
                yield image


def _picture_converter() -> Callable[[VideoFrame], Image]:
    """Return a function that converts frames to upright RGB pictures."""
    from av.video.reformatter import VideoReformatter

    # One reformatter, and one thread: a new one per frame, or threads for such small work, cost as much as decoding.
    reformat = partial(VideoReformatter().reformat, format="rgb24", threads=1)

    def convert(frame: VideoFrame) -> Image:
        picture = np.asarray(reformat(frame).to_ndarray(), dtype=np.uint8)
        turns = quarter_turns(frame)
        return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture

    return convert


class _Request(NamedTuple):
    """A requested frame; seconds after the first frame.

    Attributes:
        limit_sec: The frame is the last that starts no later.
        start_sec: When it starts according to the index; infinite where the index cannot tell.
        key_sec: The last key frame up to there; minus infinity if there is none.
    """

    limit_sec: float
    start_sec: float
    key_sec: float


def _requests(index: FrameIndex, times_sec: npt.NDArray[np.float64], has_stamps: bool) -> Iterator[_Request]:
    """Look up all times at once, much faster than one by one."""
    limits = times_sec + TIME_TOLERANCE_SEC
    starts = index.times_sec[index.frames_at(times_sec)] - TIME_TOLERANCE_SEC
    if not has_stamps or (np.diff(index.times_sec) <= TIME_TOLERANCE_SEC).any():
        starts = np.full_like(limits, np.inf)
    keys = np.append(index.key_times_sec, -np.inf)[np.searchsorted(index.key_times_sec, limits, side="right") - 1]
    return map(_Request, limits.tolist(), starts.tolist(), keys.tolist())


class _FrameCursor:
    """Steps forward through the frames of an open video."""

    def __init__(self, container: InputContainer, stream: VideoStream, index: FrameIndex) -> None:
        self._container, self._stream, self._index = container, stream, index
        self._unit_sec = float(stream.time_base or 0)
        self._uses_pts = has_presentation_times(container)
        self._can_seek = can_seek(container)
        self._start_sec = index.start_sec if self._uses_pts else None
        self._shown: VideoFrame | None = None
        self._next: VideoFrame | None = None
        self._decoded_sec = self._shown_sec = -math.inf
        self._start_decoding()

    def advance(self, request: _Request) -> VideoFrame:
        """Return the requested frame, which must not be earlier than the last one."""
        if self._can_seek and request.key_sec > self._decoded_sec:
            self._jump(request)
        # Where the index knows the start of the frame, its successor need not be decoded.
        while self._shown_sec < request.start_sec:
            self._next = self._next or self._decode()
            if self._next is None or self._decoded_sec > request.limit_sec:
                break
            self._shown, self._shown_sec, self._next = self._next, self._decoded_sec, None
        if self._shown is None:
            raise self._failure("holds no picture that can be decoded")
        return self._shown

    def _start_decoding(self) -> None:
        """Decode the first frame from the current position."""
        self._decoded = self._container.decode(self._stream)
        self._decoded_sec = -math.inf
        self._shown, self._next = self._decode(), None
        self._shown_sec = self._decoded_sec

    def _decode(self) -> VideoFrame | None:
        """Decode the next frame and note when it is shown."""
        frame = next(self._decoded, None)
        if frame is None:
            self._check_end()
            return None
        stamp = frame.pts if self._uses_pts and frame.pts is not None else frame.dts
        if stamp is not None:
            stored_sec = stamp * self._unit_sec
            self._start_sec = stored_sec if self._start_sec is None else self._start_sec
            # Damaged time stamps may go back; the frame is still shown after its predecessor.
            self._decoded_sec = max(self._decoded_sec, stored_sec - self._start_sec)
        else:
            # A raw elementary stream has no time stamps.
            step_sec = 1.0 / self._index.info.average_fps
            self._decoded_sec = max(self._decoded_sec, -step_sec) + step_sec
        return frame

    def _jump(self, request: _Request) -> None:
        """Seek to the last key frame before the requested frame if that saves decoding."""
        here, there = np.searchsorted(self._index.times_sec, [self._decoded_sec, request.key_sec])
        if there - here > _WORTH_SEEKING_FRAMES:
            self._seek(request.key_sec)
            if self._shown is None or self._decoded_sec > request.limit_sec:
                # The file's own index is wrong: decode from the beginning.
                self._can_seek = False
                self._seek(0.0)

    def _seek(self, key_sec: float) -> None:
        """Continue from the key frame at a time."""
        stamp = round((key_sec + self._index.start_sec) / self._unit_sec)
        self._container.seek(stamp, stream=self._stream, backward=True)
        self._start_decoding()

    def _check_end(self) -> None:
        """Refuse a file that decodes to markedly fewer frames than it has packets."""
        info, last_sec = self._index.info, float(self._index.times_sec[-1])
        if last_sec - self._decoded_sec > max(_LOST_SEC, 3 / info.average_fps):
            raise self._failure(
                f"is damaged, it decodes only until {max(self._decoded_sec, 0.0):.2f} s of {last_sec:.2f} s"
            )

    def _failure(self, reason: str) -> VideoError:
        """Return an error about this file."""
        return VideoError(f"{self._index.info.path}: {reason}; replace the file or convert it again")
