"""The reader of common files by decord, which has wheels for Linux and Windows on x86-64."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from aher_lightning.errors import VideoError
from aher_lightning.video.numbered_reader import EXACT_CONTAINERS, EXACT_PIXEL_FORMATS, REMEDY, Library, NumberedReader
from aher_lightning.video.probing import FrameIndex, open_video
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

        def open_exact(index: FrameIndex) -> object:
            path = index.info.path
            if len(index.key_times_sec) > 1 and _changes_size(path, path.stat().st_mtime_ns):
                raise VideoError(f"{path}: decord scales pictures whose size changes on the way; {REMEDY}")
            return decord.VideoReader(str(path.absolute()), num_threads=1)

        return Library(
            open=open_exact,
            to_array=lambda frame: frame.asnumpy(),
            failures=(decord.DECORDError,),
        )


@lru_cache(maxsize=4096)
def _changes_size(path: Path, modified_ns: int) -> bool:
    """Whether the key frames of a file of that age differ in size."""
    del modified_ns
    with open_video(path) as (container, stream):
        stream.codec_context.skip_frame = "NONKEY"
        return len({(frame.width, frame.height) for frame in container.decode(stream)}) > 1
