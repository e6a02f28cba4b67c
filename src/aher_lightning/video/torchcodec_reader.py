"""The reader of PyTorch: torchcodec, where it is installed and finds FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aher_lightning.errors import ConfigError, VideoError
from aher_lightning.video.probing import FrameIndex, index_frames
from aher_lightning.video.reader import Image, VideoInfo, VideoReader, ascending_times

if TYPE_CHECKING:
    from torchcodec.decoders import VideoDecoder

_REMEDY = "choose the AutoReader, which reads it with PyAV"
_INSTALL = "install aher-lightning[torchcodec] and FFmpeg 4 to 8 (torchcodec brings none), or choose the AutoReader"
_EXACT_CONTAINERS = {"mov", "matroska"}
_EXACT_PIXEL_FORMATS = {"yuv420p", "yuvj420p"}


class TorchCodecReader(VideoReader):
    """Decode with torchcodec, by frame number; which number is shown when, the packets of the file say.

    Needs the extra ``torchcodec`` and the FFmpeg of the system: its packages bring none. Seeks exactly, at the cost of
    one more pass over the packets. Refuses files on which it is known to be wrong, see :meth:`objection`;
    :class:`~aher_lightning.video.auto_reader.AutoReader` reads those with PyAV.

    Args:
        thread_count: Decoder threads; keep 1 inside loader workers, 0 lets FFmpeg choose.
    """

    def __init__(self, thread_count: int = 1) -> None:
        self.thread_count = thread_count

    @property
    def version(self) -> str:
        """Version of torchcodec; empty where it is not installed."""
        try:
            return version("torchcodec")
        except PackageNotFoundError:
            return ""

    def probe(self, path: Path) -> VideoInfo:
        """Return facts about a video, found by PyAV; see :meth:`VideoReader.probe`."""
        return index_frames(path).info

    def objection(self, info: VideoInfo) -> str:
        """Return why torchcodec must not decode a file, or an empty text if it decodes it exactly.

        Exact were 187 of 191 real files: H.264, H.265, VP9 and MPEG-4 of 8 bits in MP4, MOV, MKV and WebM, of variable
        rate, rotated, or with several video streams. Of AVI it lost the last frames, and colours of 10 bits differed
        by 2.9 of 255 on average.

        Args:
            info: Facts about the file.

        Returns:
            The reason.
        """
        if info.container.split(",")[0] not in _EXACT_CONTAINERS:
            return f"torchcodec loses frames of some files in this format ({info.container})"
        if info.pixel_format not in _EXACT_PIXEL_FORMATS:
            return f"torchcodec is not exact for these colours ({info.codec}, {info.pixel_format})"
        return ""

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        """Yield the frame on display at each time; see :meth:`VideoReader.iter_frames`.

        Args:
            path: File to decode.
            times_sec: Seconds after the first frame, ascending.

        Yields:
            Pictures, RGB uint8 ``(H, W, 3)``, upright.

        Raises:
            ConfigError: If torchcodec is not installed, or finds no FFmpeg.
            VideoError: If the file cannot be decoded, or torchcodec is wrong about it.
            ValueError: If the times do not ascend or are not finite.
        """
        times = ascending_times(times_sec)
        index = index_frames(path)
        if objection := self.objection(index.info):
            raise VideoError(f"{path}: {objection}; {_REMEDY}")
        return self._iter_frames(index, index.frames_at(times), _import_decoder())

    def _iter_frames(
        self, index: FrameIndex, numbers: npt.NDArray[np.intp], decoder: type[VideoDecoder]
    ) -> Iterator[Image]:
        """Yield frames by number, each decoded once."""
        path, shown = index.info.path, -1
        try:
            video = decoder(
                path.absolute(),
                stream_index=index.stream_number,
                dimension_order="NHWC",
                num_ffmpeg_threads=self.thread_count,
                seek_mode="exact",
            )
            if len(video) != index.info.frame_count:
                raise VideoError(f"{path}: torchcodec sees {len(video)} frames of {index.info.frame_count}; {_REMEDY}")
            for number in numbers.tolist():
                if number != shown:
                    shown, image = number, video[number].numpy()
                yield image
        except (RuntimeError, ValueError) as failure:
            reason = (str(failure) or type(failure).__name__).strip().splitlines()[0]
            raise VideoError(f"{path}: torchcodec cannot decode it ({reason}); {_REMEDY}") from None


def _import_decoder() -> type[VideoDecoder]:
    """Import torchcodec, which fails in many lines where it finds no FFmpeg that suits it."""
    try:
        from torchcodec.decoders import VideoDecoder as Decoder
    except (ImportError, OSError, RuntimeError) as failure:
        if isinstance(failure, ModuleNotFoundError) and failure.name == "torchcodec":
            raise ConfigError(f"torchcodec is not installed; {_INSTALL}") from None
        reason = (str(failure) or type(failure).__name__).strip().split(". ")[0].splitlines()[0]
        raise ConfigError(f"torchcodec cannot be loaded ({reason}); {_INSTALL}") from None
    decoder: type[VideoDecoder] = Decoder
    return decoder
