"""The fast reader for common files: decord, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aher_lightning.errors import VideoError
from aher_lightning.video.probing import index_frames
from aher_lightning.video.reader import Image, VideoInfo, VideoReader, ascending_times

_REMEDY = "choose the AutoReader, which reads it with PyAV"
_EXACT_CONTAINERS = {"mov", "matroska"}
_EXACT_CODECS = {"h264", "hevc", "vp9", "mpeg4"}
_EXACT_PIXEL_FORMATS = {"yuv420p", "yuvj420p"}


class DecordReader(VideoReader):
    """Decode with decord, which counts frames; which number is shown when, the packets of the file say.

    Refuses files on which decord is known to be wrong, see :meth:`objection`;
    :class:`~aher_lightning.video.auto_reader.AutoReader` reads those with PyAV.
    """

    @property
    def version(self) -> str:
        """Version of decord; empty where it is not installed."""
        try:
            return version("decord")
        except PackageNotFoundError:
            return ""

    def probe(self, path: Path) -> VideoInfo:
        """Return facts about a video, found by PyAV; see :meth:`VideoReader.probe`."""
        return index_frames(path).info

    def objection(self, info: VideoInfo) -> str:
        """Return why decord must not decode a file, or an empty text if it decodes it exactly.

        Args:
            info: Facts about the file.

        Returns:
            The reason.
        """
        if not self.version:
            return 'decord is not installed (pip install "aher-lightning[decord]")'
        if info.rival_streams:
            return "decord may choose another of its equally large video streams"
        if info.container.split(",")[0] not in _EXACT_CONTAINERS:
            return f"decord is wrong on some files in this format ({info.container})"
        if info.codec not in _EXACT_CODECS or info.pixel_format not in _EXACT_PIXEL_FORMATS:
            return f"decord is not exact for this codec ({info.codec}, {info.pixel_format})"
        return ""

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        """Yield the frame on display at each time; see :meth:`VideoReader.iter_frames`."""
        times = ascending_times(times_sec)
        index = index_frames(path)
        if objection := self.objection(index.info):
            raise VideoError(f"{path}: {objection}; {_REMEDY}")
        return self._iter_frames(index.info, index.frames_at(times))

    def _iter_frames(self, info: VideoInfo, numbers: npt.NDArray[np.intp]) -> Iterator[Image]:
        """Yield frames by number, each converted once."""
        # Lazily, and after torch: in the other order loading both has crashed processes.
        import torch  # noqa: F401  # isort: skip
        import decord  # isort: skip

        decord.logging.set_level(decord.logging.QUIET)
        try:
            video = decord.VideoReader(str(info.path.absolute()), num_threads=1)
            if len(video) != info.frame_count:
                raise VideoError(f"{info.path}: decord sees {len(video)} frames of {info.frame_count}; {_REMEDY}")
            shown = -1
            for number in numbers.tolist():
                if number != shown:
                    shown, image = number, video[number].asnumpy()
                    if image.shape != (info.height, info.width, 3):  # narrow pictures come with four channels
                        raise VideoError(f"{info.path}: decord gives pictures of shape {image.shape}; {_REMEDY}")
                yield image
        except decord.DECORDError as failure:
            reason = str(failure).strip().splitlines()[-1]
            raise VideoError(f"{info.path}: decord cannot decode it ({reason}); {_REMEDY}") from None
