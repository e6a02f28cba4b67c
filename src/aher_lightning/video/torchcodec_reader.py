"""The reader of PyTorch: torchcodec, where it is installed and finds FFmpeg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aher_lightning.errors import ConfigError
from aher_lightning.video.numbered_reader import EXACT_CONTAINERS, EXACT_PIXEL_FORMATS, Library, NumberedReader
from aher_lightning.video.reader import VideoInfo

if TYPE_CHECKING:
    from torchcodec.decoders import VideoDecoder

_INSTALL = "install aher-lightning[torchcodec] and FFmpeg 4 to 8 (torchcodec brings none), or choose the AutoReader"


class TorchCodecReader(NumberedReader):
    """Decode with torchcodec.

    Needs the extra ``torchcodec`` and the FFmpeg of the system: its packages bring none. Seeks exactly, at the cost of
    one more pass over the packets. Refuses files on which it is known to be wrong, see :meth:`objection`;
    :class:`~aher_lightning.video.auto_reader.AutoReader` reads those with PyAV.

    Args:
        thread_count: Decoder threads; keep 1 inside loader workers, 0 lets FFmpeg choose.
    """

    name = "torchcodec"

    def __init__(self, thread_count: int = 1) -> None:
        self.thread_count = thread_count

    def objection(self, info: VideoInfo) -> str:
        """Return why torchcodec must not decode a file; see :meth:`NumberedReader.objection`.

        It was exact on 187 of 191 real files: H.264, H.265, VP9 and MPEG-4 of 8 bits in MP4, MOV, MKV and WebM, of
        variable rate, rotated, or with several video streams. It lost the last frames of AVI, and colours of 10 bits
        differed by 2.9 of 255 on average.
        """
        if info.container.split(",")[0] not in EXACT_CONTAINERS:
            return f"torchcodec loses frames of some files in this format ({info.container})"
        if info.pixel_format not in EXACT_PIXEL_FORMATS:
            return f"torchcodec is not exact for these colours ({info.codec}, {info.pixel_format})"
        return ""

    def load(self) -> Library:
        """Import torchcodec; see :meth:`NumberedReader.load`."""
        decoder = _import_decoder()
        return Library(
            open=lambda index: decoder(
                index.info.path.absolute(),
                stream_index=index.stream_number,
                dimension_order="NHWC",
                num_ffmpeg_threads=self.thread_count,
                seek_mode="exact",
            ),
            to_array=lambda frame: frame.numpy(),
            failures=(RuntimeError, ValueError),
        )


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
