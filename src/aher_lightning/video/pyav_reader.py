"""The reader that always works: PyAV, which brings FFmpeg along on every platform."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aher_lightning.errors import VideoError
from aher_lightning.video.probing import FrameIndex, has_presentation_times, index_frames, open_video, quarter_turns
from aher_lightning.video.reader import TIME_TOLERANCE_SEC, Image, VideoInfo, VideoReader, ascending_times

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_SEEKABLE_FORMATS = {"mov", "matroska"}
"""Formats that mark as key frame only what decodes without earlier frames."""

_WORTH_SEEKING_FRAMES = 8
"""Decoding fewer frames than this costs less than a seek."""

_LOST_SEC = 0.25
"""More missing at the end of decoding than this is damage; decoders may hold back a frame or two."""


class PyAVReader(VideoReader):
    """Decode with PyAV.

    Reads forward only; where no frame is wanted before a later key frame it jumps there. Rotation
    metadata is applied.

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
        times = ascending_times(times_sec)
        index = index_frames(path)
        return self._iter_frames(path, index, times.tolist())

    def _iter_frames(self, path: Path, index: FrameIndex, times_sec: list[float]) -> Iterator[Image]:
        """Yield pictures, converting each frame once."""
        from av.video.reformatter import VideoReformatter

        # One reformatter for all frames: making one per frame costs as much as decoding.
        reformatter = VideoReformatter()
        with open_video(path, self.thread_count) as (container, stream):
            cursor = _FrameCursor(container, stream, index)
            shown: VideoFrame | None = None
            for time_sec in times_sec:
                frame = cursor.advance(time_sec)
                if frame is not shown:
                    shown = frame
                    picture = reformatter.reformat(frame, format="rgb24").to_ndarray()
                    image = np.ascontiguousarray(np.rot90(picture, quarter_turns(frame)), dtype=np.uint8)
                yield image


class _FrameCursor:
    """Walks forward through the frames of an open video.

    Args:
        container: Open file.
        stream: Stream to decode.
        index: When its frames are shown.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, index: FrameIndex) -> None:
        self._container, self._stream, self._index = container, stream, index
        self._unit_sec = float(stream.time_base or 0)
        self._uses_pts = has_presentation_times(container)
        self._can_seek = container.format.name.split(",")[0] in _SEEKABLE_FORMATS
        self._start_sec = index.start_sec if self._uses_pts else None
        self._decoded = container.decode(stream)
        self._next_sec = -math.inf
        self._next = self._decode()
        self._shown = self._next

    def advance(self, time_sec: float) -> VideoFrame:
        """Return the frame on display at a time, which must not be earlier than the last one asked for."""
        limit_sec = time_sec + TIME_TOLERANCE_SEC
        self._jump(limit_sec)
        while self._next is not None and self._next_sec <= limit_sec:
            self._shown = self._next
            self._next = self._decode()
        if self._shown is None:
            raise self._failure("holds no picture that can be decoded")
        return self._shown

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
            # Damaged time stamps may go back; the frame is shown after its predecessor all the same.
            self._next_sec = max(self._next_sec, stored_sec - self._start_sec)
        else:
            # A bare elementary stream carries no times.
            step_sec = 1.0 / self._index.info.average_fps
            self._next_sec = max(self._next_sec, -step_sec) + step_sec
        return frame

    def _jump(self, limit_sec: float) -> None:
        """Go to the last key frame before a time if that saves decoding."""
        if not self._can_seek or self._next is None:
            return
        keys, times = self._index.key_times_sec, self._index.times_sec
        position = int(np.searchsorted(keys, limit_sec, side="right")) - 1
        if position < 0 or keys[position] <= self._next_sec:
            return
        skipped = np.searchsorted(times, keys[position]) - np.searchsorted(times, self._next_sec)
        if skipped > _WORTH_SEEKING_FRAMES:
            self._seek(float(keys[position]))
            if self._next is None or self._next_sec > limit_sec:
                # The file's own index is wrong: read it all, from the beginning.
                self._can_seek = False
                self._seek(0.0)

    def _seek(self, key_sec: float) -> None:
        """Continue at the key frame of that time."""
        stamp = round((key_sec + self._index.start_sec) / self._unit_sec)
        self._container.seek(stamp, stream=self._stream, backward=True)
        self._decoded = self._container.decode(self._stream)
        self._next_sec = -math.inf
        self._next = self._decode()

    def _check_end(self) -> None:
        """Refuse a file of which the decoder gave markedly less than there are packets."""
        info, last_sec = self._index.info, float(self._index.times_sec[-1])
        if last_sec - self._next_sec > max(_LOST_SEC, 3 / info.average_fps):
            raise self._failure(
                f"is damaged, it decodes only until {max(self._next_sec, 0.0):.2f} s of {last_sec:.2f} s"
            )

    def _failure(self, reason: str) -> VideoError:
        """An error about this file."""
        return VideoError(f"{self._index.info.path}: {reason}; replace the file or convert it again")
