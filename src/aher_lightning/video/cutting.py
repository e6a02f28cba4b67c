"""Segments of a video as files of their own, copied or encoded anew."""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from aher_lightning.errors import VideoError
from aher_lightning.video.clip_names import clip_name, safe_name
from aher_lightning.video.encoders import choose_encoder
from aher_lightning.video.probing import FrameIndex, can_seek, has_presentation_times, index_frames, open_video
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import TIME_TOLERANCE_SEC, Image

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_QUALITY = {"libx264": {"crf": "18"}}
"""Options of encoders that have one quality for all videos: hardly a difference to be seen."""

_CLOCK = 90_000
"""Time stamps per second of encoded clips, as broadcast has it: all usual frame rates fit in."""

_BT709 = 1
"""How FFmpeg numbers the colours of high definition, which players take for granted."""

_LIMITED = 1
"""How FFmpeg numbers the range of values of ordinary video."""


class LabelledSpan(Protocol):
    """What is cut out: a detection, an instance, or anything else with a name and two times."""

    @property
    def label(self) -> str:
        """Category name."""

    @property
    def start_sec(self) -> float:
        """Start in seconds."""

    @property
    def end_sec(self) -> float:
        """End in seconds."""


def cut_clips(video: Path, rows: Sequence[LabelledSpan], folder: Path, reencode: bool = False) -> list[Path]:
    """Write each segment of a video to ``FOLDER/<category>/<video>_<start>-<end>.mp4``, its pictures without sound.

    Copying is fast and loses nothing, but can begin at key frames only: a clip starts at the last one before its
    segment, up to one group of pictures early (often 1 to 10 s), and may end a few frames late. Encoded anew, in
    H.264, a clip has exactly the frames on display from start to end, upright and with their times, all of the size of
    the first.

    Segments are cut to the video. Names of folders are those of the categories, made safe by
    :func:`~aher_lightning.video.clip_names.safe_name`; segments of the same category and times are numbered. Clips
    of earlier runs are replaced; a clip is there as a whole or not at all.

    Args:
        video: Video file.
        rows: Segments, such as :class:`~aher_lightning.reports.videos.detection_rows.DetectionRow`; may be empty.
        folder: Where the clips go; made if needed.
        reencode: Encode anew instead of copying.

    Returns:
        The files, in the order of the rows.

    Raises:
        VideoError: If the video cannot be read, has a codec or times that cannot be copied into MP4, a segment has no
            frame or no label, or a clip cannot be written; segments are checked before any clip is written.
    """
    if not rows:
        return []
    index = index_frames(video)
    for number, row in enumerate(rows):
        _check_row(video, number, row, index.info.duration_sec)
    targets = _targets(video, rows, folder)
    for row, target in zip(rows, targets, strict=True):
        with _partial_file(target) as partial:
            if reencode:
                _encode_clip(index, row, partial)
            else:
                _copy_clip(index, row, partial)
    return targets


def _check_row(video: Path, number: int, row: LabelledSpan, duration_sec: float) -> None:
    """Refuse a segment that leaves no clip."""
    if not row.label:
        raise VideoError(f"{video}: segment {number} has no label; name its category")
    start_sec, end_sec = row.start_sec, row.end_sec
    if not (math.isfinite(start_sec) and math.isfinite(end_sec) and max(start_sec, 0.0) < min(end_sec, duration_sec)):
        raise VideoError(
            f"{video}: segment {number} ({start_sec:g} to {end_sec:g} s) has no frame, the video lasts "
            f"{duration_sec:.2f} s; check that it belongs to this video"
        )


def _targets(video: Path, rows: Sequence[LabelledSpan], folder: Path) -> list[Path]:
    """The file of each segment; those that would have the same are numbered."""
    seen: Counter[Path] = Counter()
    targets = []
    for row in rows:
        place = folder / safe_name(row.label)
        first = place / clip_name(video.stem, row.start_sec, row.end_sec)
        seen[first] += 1
        targets.append(place / clip_name(video.stem, row.start_sec, row.end_sec, seen[first]))
    return targets


@contextmanager
def _partial_file(target: Path) -> Iterator[Path]:
    """Give a file to write that takes the place of the target once it is whole."""
    import av

    partial = target.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, av.FFmpegError) as failure:
        raise VideoError(
            f"{target}: cannot be written ({failure.strerror}); choose another place, or encode clips anew"
        ) from None


def _copy_clip(index: FrameIndex, row: LabelledSpan, target: Path) -> None:
    """Copy the packets of a segment, from the last key frame before it."""
    import av

    path = index.info.path
    before = index.key_times_sec[index.key_times_sec <= row.start_sec + TIME_TOLERANCE_SEC]
    if not len(before):
        raise VideoError(f"{path}: no picture at or before {row.start_sec:.2f} s can start a copy; encode clips anew")
    key_sec = float(before[-1])
    with open_video(path) as (source, stream), av.open(str(target.absolute()), "w", format="mp4") as sink:
        if not has_presentation_times(source):
            raise VideoError(f"{path}: {source.format.name} files do not say when frames are shown; encode clips anew")
        unit_sec = float(stream.time_base or 0)
        first = round((key_sec + index.start_sec) / unit_sec)
        end = math.ceil((row.end_sec + index.start_sec - TIME_TOLERANCE_SEC) / unit_sec)
        copy = _add_copy(path, sink, stream)
        packets = list(_packets(source, stream, first, end))
        if not packets:
            raise VideoError(f"{path}: nothing from {row.start_sec:.2f} s on can be copied; encode clips anew")
        for packet in packets:
            packet.pts = (packet.pts or 0) - first
            packet.dts = None if packet.dts is None else packet.dts - first
            packet.stream = copy
            _mux(sink, packet)


def _add_copy(path: Path, sink: OutputContainer, stream: VideoStream) -> VideoStream:
    """Add a stream that takes the packets of another as they are."""
    import av

    try:
        copy = sink.add_stream_from_template(stream)
        sink.start_encoding()
    except (ValueError, av.FFmpegError):
        raise VideoError(
            f"{path}: {stream.codec_context.name} video cannot be copied into MP4; encode clips anew"
        ) from None
    return copy


def _packets(source: InputContainer, stream: VideoStream, first: int, end: int) -> Iterator[Packet[Any]]:
    """Yield the packets from the key frame of a time stamp to the last that starts before another."""
    if can_seek(source):
        source.seek(first, stream=stream, backward=True)
    has_started = False
    for packet in source.demux(stream):
        if packet.pts is None or packet.size == 0:
            continue
        has_started = has_started or (packet.is_keyframe and packet.pts >= first)
        # Frames are decoded in the order of `dts`, which never is after `pts`: all that follow start later still.
        if (packet.pts if packet.dts is None else packet.dts) >= end:
            return
        # Frames that follow a key frame and are shown before it need those that were left out.
        if has_started and packet.pts >= first:
            yield packet


def _mux(sink: OutputContainer, packets: Packet[Any] | Sequence[Packet[Any]]) -> None:
    """Write packets; a failure is one of the clip, and must not pass for one of the video that is open as well."""
    import av

    try:
        sink.mux(packets)
    except av.FFmpegError as failure:
        raise OSError(failure.errno, failure.strerror) from None


def _encode_clip(index: FrameIndex, row: LabelledSpan, target: Path) -> None:
    """Encode the frames that are on display from start to end."""
    import av

    bounds = np.array([max(row.start_sec, 0.0), row.end_sec - 2 * TIME_TOLERANCE_SEC])
    first, last = index.frames_at(bounds).tolist()
    times = index.times_sec[first : last + 1]
    # Of frames with one time stamp, as files put together of several have them, a player shows one; a sink takes one.
    stamps, shown = np.unique(((times - times[0]) * _CLOCK).round().astype(int), return_index=True)
    images = PyAVReader().iter_frames(index.info.path, times[shown].tolist())
    with av.open(str(target.absolute()), "w", format="mp4") as sink:
        stream = _add_encoder(sink, index.info.average_fps)
        size: tuple[int, int] | None = None
        for stamp, image in zip(stamps.tolist(), images, strict=True):
            if size is None:  # known from the first picture alone: their size may change on the way
                size = stream.height, stream.width = _even_size(image)
            picture = av.VideoFrame.from_ndarray(_fit_picture(image, size), format="rgb24")
            frame = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range=_LIMITED)
            frame.pts, frame.time_base = stamp, Fraction(1, _CLOCK)
            _mux(sink, stream.encode(frame))
        _mux(sink, stream.encode(None))


def _even_size(image: Image) -> tuple[int, int]:
    """Height and width of a picture without an odd line: H.264 has pictures of even size only."""
    return image.shape[0] // 2 * 2, image.shape[1] // 2 * 2


def _fit_picture(image: Image, size: tuple[int, int]) -> Image:
    """A picture of the height and width of its clip; one of another size is scaled and put between black bars."""
    import av

    if _even_size(image) == size:
        return np.ascontiguousarray(image[: size[0], : size[1]])
    scale = min(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    fitted = np.zeros((*size, 3), dtype=np.uint8)
    scaled = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(width=width, height=height)
    fitted[top : top + height, left : left + width] = scaled.to_ndarray()
    return fitted


def _add_encoder(sink: OutputContainer, average_fps: float) -> VideoStream:
    """Add a stream that encodes frames at any times."""
    name = choose_encoder()
    rate = Fraction(average_fps).limit_denominator(1001)
    stream = cast("VideoStream", sink.add_stream(name, rate=rate, options=_QUALITY.get(name, {})))
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, _CLOCK)
    context.thread_count = 1
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED
    return stream
