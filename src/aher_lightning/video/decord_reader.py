"""The reader of common files by decord, which has wheels for Linux and Windows on x86-64."""

from __future__ import annotations

from aher_lightning.video.numbered_reader import EXACT_CONTAINERS, EXACT_PIXEL_FORMATS, Library, NumberedReader
from aher_lightning.video.reader import VideoInfo

_EXACT_CODECS = {"h264", "hevc", "vp9", "mpeg4"}


class DecordReader(NumberedReader):
    """Decode with decord, in one thread.

    Refuses files on which decord is known to be wrong, see :meth:`objection`;
    :class:`~aher_lightning.video.auto_reader.AutoReader` reads those with PyAV.
    """

    name = "decord"

    def objection(self, info: VideoInfo) -> str:
        """Return why decord must not decode a file; see :meth:`NumberedReader.objection`."""
        if not self.version:
            return "decord is not installed (it has wheels for Linux and Windows on x86-64)"
        if info.further_streams:
            return "decord may choose another of several video streams"
        if info.rotation:
            return "decord turns rotated pictures itself"
        if info.container.split(",")[0] not in EXACT_CONTAINERS:
            return f"decord is wrong on some files in this format ({info.container})"
        if info.codec not in _EXACT_CODECS or info.pixel_format not in EXACT_PIXEL_FORMATS:
            return f"decord is not exact for this codec ({info.codec}, {info.pixel_format})"
        return ""

    def load(self) -> Library:
        """Import decord; see :meth:`NumberedReader.load`."""
        # Lazily, and after torch: in the other order loading both has crashed processes.
        import torch  # noqa: F401  # isort: skip
        import decord  # isort: skip

        decord.logging.set_level(decord.logging.QUIET)
        return Library(
            open=lambda index: decord.VideoReader(str(index.info.path.absolute()), num_threads=1),
            to_array=lambda frame: frame.asnumpy(),
            failures=(decord.DECORDError,),
        )
