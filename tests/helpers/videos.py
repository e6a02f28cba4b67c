"""Small real video files, written with PyAV, whose every frame shows its own number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.stream import VideoStream

from aher_lightning.video.reader import VideoReader

Image = npt.NDArray[np.uint8]

REAL_VIDEOS = Path(__file__).parents[3] / "shared" / "data" / "videos"
"""Real videos beside the repository, for those who have them."""

needs_real_videos = pytest.mark.skipif(not REAL_VIDEOS.is_dir(), reason=f"no real videos in {REAL_VIDEOS}")

_BITS = 8


@dataclass(frozen=True)
class VideoSpec:
    """What to write; the defaults give a plain H.264 file with B-frames and several key frames."""

    num_frames: int = 40
    fps: int = 10
    width: int = 64
    height: int = 48
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    start_sec: float = 0.0
    times_sec: Sequence[float] | None = None
    rotation: int = 0
    first_number: int = 0
    options: dict[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> Fraction:
        """Time base: frames, or milliseconds where the rate varies."""
        return Fraction(1, self.fps if self.times_sec is None else 1000)

    @property
    def frame_times_sec(self) -> list[float]:
        """When each frame starts, as stored."""
        regular = [position / self.fps for position in range(self.num_frames)]
        return [self.start_sec + time for time in (self.times_sec or regular)]


def draw_number(number: int, width: int = 64, height: int = 48) -> Image:
    """Return a picture that shows a number: eight bright or dark columns, and a bright top left corner."""
    image = np.full((height, width, 3), 40, dtype=np.uint8)
    column = width // _BITS
    for bit in range(_BITS):
        image[height // 2 :, bit * column : (bit + 1) * column] = 220 if number >> bit & 1 else 40
    image[: height // 4, : width // 4] = 220
    return image


def read_number(image: Image) -> int:
    """Return the number that an upright picture shows, after any resizing."""
    height, width = image.shape[:2]
    column = width / _BITS
    levels = [image[height * 3 // 4, int((bit + 0.5) * column)].mean() for bit in range(_BITS)]
    return sum(1 << bit for bit, level in enumerate(levels) if level > 128)


def read_numbers(images: Sequence[Image] | Image) -> list[int]:
    """Return the numbers that pictures show."""
    return [read_number(image) for image in images]


def read_frames(reader: VideoReader, path: Path, times_sec: Sequence[float]) -> Image:
    """Return the frames on display at the given times at once, ``(n, H, W, 3)``."""
    return np.stack(list(reader.iter_frames(path, times_sec)))


def write_video(path: Path, *specs: VideoSpec, container_options: dict[str, str] | None = None) -> Path:
    """Write a video with one stream per spec, the default spec if none is given."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        streams = [(_add_stream(container, spec), spec) for spec in specs or (VideoSpec(),)]
        for stream, spec in streams:
            for position, time_sec in enumerate(spec.frame_times_sec):
                upright = draw_number(spec.first_number + position, spec.width, spec.height)
                stored = np.ascontiguousarray(np.rot90(upright, -spec.rotation // 90))
                frame = av.VideoFrame.from_ndarray(stored, format="rgb24")
                frame.pts, frame.time_base = round(time_sec / spec.unit), spec.unit
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


def copy_shifted(source: Path, target: Path, by_sec: float = 0.0, title: str = "") -> Path:
    """Copy a video with all its times shifted, and with a title."""
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(source)) as origin, av.open(str(target), "w", container_options=options) as container:
        container.metadata["title"] = title
        stream = origin.streams.video[0]
        copy = container.add_stream_from_template(stream)
        for packet in origin.demux(stream):
            if packet.dts is not None and packet.pts is not None and packet.time_base:
                shift = round(by_sec / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, copy
                container.mux(packet)
    return target


def write_turning(path: Path) -> Path:
    """Write an MPEG transport stream of 64x48 pictures 0 to 19, then 96x128 ones from 20 on; two time stamps twice."""
    parts = (VideoSpec(20), VideoSpec(20, width=96, height=128, first_number=20, start_sec=2.0))
    content = [write_video(path.with_name(f"{number}.ts"), part).read_bytes() for number, part in enumerate(parts)]
    path.write_bytes(b"".join(content))
    return path


def write_resized(path: Path) -> Path:
    """Write a Matroska file of 64x48 pictures 0 to 19, then 96x48 ones from 20 on, ten a second."""
    options = {"bf": "0"}
    parts = (VideoSpec(20, options=options), VideoSpec(20, width=96, first_number=20, options=options))
    stored = path.with_suffix(".h264")
    content = [write_video(stored, part).read_bytes() for part in parts]
    stored.write_bytes(b"".join(content))
    with av.open(str(stored)) as origin, av.open(str(path), "w") as container:
        copy = container.add_stream_from_template(origin.streams.video[0])
        for number, packet in enumerate(packet for packet in origin.demux(video=0) if packet.size):
            packet.pts, packet.dts, packet.duration = number, number, 1
            packet.time_base, packet.stream = Fraction(1, 10), copy
            container.mux(packet)
    return path


def write_sound(path: Path) -> Path:
    """Write a file with a sound stream only."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for position in range(4):
            samples = np.zeros((1, 1024), dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, position * 1024, Fraction(1, 16000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_truncated(path: Path, spec: VideoSpec | None = None, keep: float = 0.5) -> Path:
    """Write a video with its index in front, and cut off the end of the file."""
    write_video(path, spec or VideoSpec(num_frames=200), container_options={"movflags": "faststart"})
    content = path.read_bytes()
    start = content.index(b"mdat")
    path.write_bytes(content[: start + int(keep * (len(content) - start))])
    return path


def write_corrupt(path: Path, spec: VideoSpec | None = None) -> Path:
    """Write a video and overwrite the second half of its pictures with noise."""
    write_video(path, spec or VideoSpec(num_frames=200), container_options={"movflags": "faststart"})
    content = bytearray(path.read_bytes())
    middle = (content.index(b"mdat") + len(content)) // 2
    noise = np.random.default_rng(0).integers(0, 256, len(content) - middle, dtype=np.uint8)
    content[middle:] = noise.tobytes()
    path.write_bytes(bytes(content))
    return path


def _add_stream(container: av.container.OutputContainer, spec: VideoSpec) -> VideoStream:
    """Add a video stream; a rotated one stores its pictures turned, and says by how much to turn them back."""
    stream = container.add_stream(spec.codec, rate=spec.fps)
    assert isinstance(stream, VideoStream)
    size = (spec.width, spec.height) if spec.rotation % 180 == 0 else (spec.height, spec.width)
    stream.width, stream.height = size
    stream.pix_fmt = spec.pixel_format
    stream.codec_context.time_base = spec.unit
    stream.codec_context.thread_count = 1
    stream.codec_context.gop_size = 12
    stream.options = (
        {"crf": "18", "sc_threshold": "0", **spec.options} if spec.codec == "libx264" else dict(spec.options)
    )
    if spec.rotation:
        stream.set_display_rotation(spec.rotation)
    return stream
