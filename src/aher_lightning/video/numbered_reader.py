"""Readers whose library decodes by frame number: which number is shown when, the packets of the file say."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from aher_lightning.errors import VideoError
from aher_lightning.video.probing import FrameIndex, index_frames
from aher_lightning.video.reader import Image, VideoInfo, VideoReader, ascending_times

REMEDY = "choose the AutoReader, which reads it with PyAV"

EXACT_CONTAINERS = {"mov", "matroska"}
"""Formats, by FFmpeg's first name, in which such libraries count frames correctly."""

EXACT_PIXEL_FORMATS = {"yuv420p", "yuvj420p"}
"""Pixel formats that they convert to the same colours as PyAV."""


class Library(NamedTuple):
    """A decoding library, imported.

    Attributes:
        open: Opens a video; its length is the number of frames, its items are the frames.
        to_array: Turns a frame into an RGB picture.
        failures: What the library raises about files.
    """

    open: Callable[[FrameIndex], Any]
    to_array: Callable[[Any], Image]
    failures: tuple[type[Exception], ...]


class NumberedReader(VideoReader):
    """Decode by frame number; refuse files on which the library is known to be wrong."""

    name: ClassVar[str]
    """Name of the library and of its package."""

    @property
    def version(self) -> str:
        """Version of the library; empty where it is not installed."""
        try:
            return version(self.name)
        except PackageNotFoundError:
            return ""

    def probe(self, path: Path) -> VideoInfo:
        """Return facts about a video, found by PyAV; see :meth:`VideoReader.probe`."""
        return index_frames(path).info

    @abstractmethod
    def objection(self, info: VideoInfo) -> str:
        """Return why the library must not decode a file; empty if it decodes it exactly.

        Args:
            info: Facts about the file.

        Returns:
            The reason.
        """

    @abstractmethod
    def load(self) -> Library:
        """Return the library, imported now.

        Raises:
            ConfigError: If it cannot be imported.
        """

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        """Yield the frame on display at each time; see :meth:`VideoReader.iter_frames`."""
        times = ascending_times(times_sec)
        index = index_frames(path)
        if objection := self.objection(index.info):
            raise VideoError(f"{path}: {objection}; {REMEDY}")
        return self._iter_frames(self.load(), index, index.frames_at(times).tolist())

    def _iter_frames(self, library: Library, index: FrameIndex, numbers: list[int]) -> Iterator[Image]:
        """Yield frames by number, each decoded once."""
        info, shown = index.info, -1
        try:
            video = library.open(index)
            if len(video) != info.frame_count:
                raise self._failure(info, f"sees {len(video)} frames of {info.frame_count}")
            for number in numbers:
                if number != shown:
                    shown, image = number, library.to_array(video[number])
                    if image.shape != (info.height, info.width, 3):  # decord adds a channel to narrow pictures
                        raise self._failure(info, f"returns pictures of shape {image.shape}")
                yield image
        except library.failures as failure:
            reason = (str(failure) or type(failure).__name__).strip().splitlines()[0]
            raise self._failure(info, f"cannot decode it ({reason})") from None

    def _failure(self, info: VideoInfo, reason: str) -> VideoError:
        """An error about a file."""
        return VideoError(f"{info.path}: {self.name} {reason}; {REMEDY}")
