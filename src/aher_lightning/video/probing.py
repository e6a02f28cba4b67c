"""What a video file really contains, from a pass over its packets, which costs a fraction of decoding."""

from __future__ import annotations

import operator
import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from lightning_utilities.core.imports import compare_version

from aher_lightning.errors import VideoError
from aher_lightning.video.reader import TIME_TOLERANCE_SEC, VideoInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_FORMATS_STATING_DURATION = {"mov", "matroska", "avi", "flv", "asf"}
"""Formats whose header states the duration; elsewhere FFmpeg guesses it."""

_TRUNCATION_SEC = 0.25
"""A file that lacks more than this at its end is truncated; headers and last packets are a few frames inexact."""

_JITTER_SEC = 0.002
"""Largest deviation of frames at a constant rate; Matroska rounds time stamps to 1 ms."""


class FrameIndex(NamedTuple):
    """When each frame of a video is shown, according to its packets.

    Attributes:
        info: Facts about the video.
        start_sec: Time stamp of the first frame in seconds.
        times_sec: Start of every frame after the first frame's, ascending, ``(n,)``.
        key_times_sec: Start of every key frame, ascending, ``(k,)``.
        stream_number: Index of the video stream among all streams of the file.
    """

    info: VideoInfo
    start_sec: float
    times_sec: npt.NDArray[np.float64]
    key_times_sec: npt.NDArray[np.float64]
    stream_number: int

    def frames_at(self, times_sec: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
        """Return the index of the frame on display at each time in seconds after the first frame, ``(m,)``."""
        shown = np.searchsorted(self.times_sec, times_sec + TIME_TOLERANCE_SEC, side="right") - 1
        return np.maximum(shown, 0)


@contextmanager
def open_video(path: Path, thread_count: int = 1) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and its video stream with the most pixels; turns errors of FFmpeg within into VideoErrors.

    Args:
        path: File to open.
        thread_count: Decoder threads; 0 lets FFmpeg choose.

    Raises:
        VideoError: If the file is missing, empty, no video or damaged.
    """
    import av

    _check_file(path)
    try:
        # Absolute, as FFmpeg would take a name such as 'http:' for an address.
        with av.open(str(path.absolute()), **_lenient_titles()) as container:
            yield container, _best_stream(path, container, thread_count)
    except av.FFmpegError as failure:
        reason = failure.strerror or type(failure).__name__
        raise VideoError(f"{path}: is damaged or no video ({reason}); replace the file or convert it again") from None


def index_frames(path: Path) -> FrameIndex:
    """Return when each frame of a video is shown, in read-only arrays; cached until the file changes.

    Raises:
        VideoError: If the file is missing, empty, truncated, damaged or no video.
    """
    _check_file(path)
    status = path.stat()
    return _index_frames(path, status.st_size, status.st_mtime_ns)


def has_presentation_times(container: InputContainer) -> bool:
    """Whether a format stores presentation times; AVI does not (use ``dts``), and FFmpeg's guess is not monotonic."""
    return "avi" not in container.format.name.split(",")


def can_seek(container: InputContainer) -> bool:
    """Return whether a seek finds the right key frame, from which all that follows decodes."""
    return container.format.name.split(",")[0] in {"mov", "matroska"}


def quarter_turns(frame: VideoFrame) -> int:
    """Return how many anti-clockwise turns by 90 degrees (0 to 3) make a decoded frame upright."""
    return round(frame.rotation / 90) % 4


@lru_cache(maxsize=16)
def _index_frames(path: Path, size: int, modified_ns: int) -> FrameIndex:
    """Index a file; size and modification time are keys of the cache."""
    del size, modified_ns
    with open_video(path) as (container, stream):
        packets = _Packets(container, stream)
        if packets.is_truncated():
            raise VideoError(f"{path}: is truncated, it holds {packets.extent()}; copy or download it again")
        if packets.first_frame is None or not packets.starts:
            raise VideoError(f"{path}: holds no picture that can be decoded; replace the file or convert it again")
        return packets.index(path, packets.first_frame)


def _lenient_titles() -> dict[str, Any]:
    """Options of PyAV with which a title in another encoding is no error; from 19 on it never is."""
    return {"metadata_errors": "replace"} if compare_version("av", operator.lt, "19") else {}


def _check_file(path: Path) -> None:
    """Refuse what is no readable file with content, in clearer words than FFmpeg's."""
    if not path.exists():
        raise VideoError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise VideoError(f"{path}: is not a file; give the path of a video")
    if not os.access(path, os.R_OK):
        raise VideoError(f"{path}: cannot be read (permission denied); change its permissions")
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: is empty; copy or download it again")


def _best_stream(path: Path, container: InputContainer, thread_count: int) -> VideoStream:
    """Return the stream to decode: the first with the most pixels."""
    from av.stream import Disposition

    # The cover picture of a song is a video stream to FFmpeg.
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise VideoError(f"{path}: has no video stream (audio or text only?); give a video file")
    # Streams that this build of FFmpeg cannot decode have no codec context.
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        raise VideoError(f"{path}: no decoder for its video codec is installed; convert it to H.264")
    best = max(decodable, key=lambda stream: stream.codec_context.width * stream.codec_context.height)
    best.codec_context.thread_count = thread_count
    return best


class _Packets:
    """Facts about a video stream from one pass over all packets of an open file; times in seconds as stored."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.container, self.stream = container, stream
        self.starts, self.key_starts = array("d"), array("d")
        self.count = 0
        self.end_sec = self.other_end_sec = 0.0
        self.is_cut = False
        self.first_frame: VideoFrame | None = None
        self._uses_pts = has_presentation_times(container)
        self._format = container.format.name.split(",")[0]
        self._unit_sec = float(stream.time_base or 0)
        self._frame_sec = 1.0 / float(stream.average_rate or stream.guessed_rate or 25)
        for packet in container.demux():
            if packet.stream_index == stream.index:
                self._add(packet)
            elif packet.pts is not None:
                end_sec = (packet.pts + (packet.duration or 0)) * float(packet.time_base or 0)
                self.other_end_sec = max(self.other_end_sec, end_sec)

    @property
    def stated_end_sec(self) -> float:
        """End of the video according to the header; 0 if not stated."""
        if self._format not in _FORMATS_STATING_DURATION:
            return 0.0
        if self.stream.duration:
            return ((self.stream.start_time or 0) + self.stream.duration) * self._unit_sec
        return (self.container.duration or 0) / 1e6

    def is_truncated(self) -> bool:
        """Whether the header states more than the file holds."""
        if self.stated_end_sec <= 0:
            return False
        if self.is_cut:
            return True
        # Without a duration of its own, the stream may end before the sound.
        end_sec = self.end_sec if self.stream.duration else max(self.end_sec, self.other_end_sec)
        missing_sec = self.stated_end_sec - end_sec
        if self.stream.frames:
            # An edit list may leave frames out on purpose; the stated duration is then shorter than all frames.
            stream_sec = (self.stream.duration or 0) * self._unit_sec
            is_whole = self._format == "mov" and self.stream.frames * self._frame_sec < 1.001 * stream_sec
            return self.count < self.stream.frames and (is_whole or missing_sec > 0.5 * self._frame_sec)
        return missing_sec > max(_TRUNCATION_SEC, 3 * self._frame_sec)

    def extent(self) -> str:
        """How much of the video the file holds, for a message."""
        if self.stream.frames:
            return f"{self.count - self.is_cut} of {self.stream.frames} frames"
        return f"{self.end_sec:.2f} of {self.stated_end_sec:.2f} s"

    def index(self, path: Path, frame: VideoFrame) -> FrameIndex:
        """Return the index; ``frame`` is the first decoded one, which states more than the header."""
        starts = np.sort(np.asarray(self.starts))
        times = starts - starts[0]
        duration = self.end_sec - float(starts[0])
        rotation = quarter_turns(frame) * 90
        width, height = (frame.width, frame.height) if rotation % 180 == 0 else (frame.height, frame.width)
        places = np.linspace(0.0, times[-1], len(times))
        info = VideoInfo(
            path=path,
            duration_sec=duration,
            width=width,
            height=height,
            average_fps=len(times) / duration,
            frame_count=len(times),
            codec=self.stream.codec_context.name,
            rotation=rotation,
            container=self.container.format.name,
            pixel_format=frame.format.name,
            has_constant_rate=bool(np.abs(times - places).max() <= _JITTER_SEC),
            further_streams=len(self.container.streams.video) - 1,
        )
        keys = np.sort(np.asarray(self.key_starts)) - starts[0]
        return FrameIndex(info, float(starts[0]), times, keys, self.stream.index)

    def _add(self, packet: Packet[Any]) -> None:
        """Record one packet of the video stream."""
        if self.first_frame is None and not packet.is_corrupt:
            # The empty packet at the end counts too: it flushes the decoder.
            self.first_frame = next(iter(packet.decode()), None)
        if packet.size == 0:
            return
        self.count += 1
        self.is_cut = packet.is_corrupt
        if packet.is_discard:  # outside the edit list: decoded, never shown
            return
        stamp = packet.pts if self._uses_pts and packet.pts is not None else packet.dts
        start = stamp * self._unit_sec if stamp is not None else self.end_sec
        end = start + ((packet.duration or 0) * self._unit_sec or self._frame_sec)
        # All time stamps may be negative: the initial end of 0 does not count.
        self.end_sec = max(self.end_sec, end) if self.starts else end
        self.starts.append(start)
        if packet.is_keyframe:
            self.key_starts.append(start)
