"""The default reader: PyAV, or on request decord for the files that it decodes exactly."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from aher_lightning.errors import VideoError
from aher_lightning.video.decord_reader import DecordReader
from aher_lightning.video.numbered_reader import REMEDY
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import Image, VideoInfo, VideoReader, ascending_times

_LOG = logging.getLogger(__name__)

_reported: set[str | Path] = set()
"""Reasons and files for which a fallback to PyAV was already logged."""


class AutoReader(VideoReader):
    """Decode with PyAV, which was faster (``benchmarks/decoding.py``), or on request with decord where it is exact.

    The choice changes no frame. With ``use_decord``:

    ==================================  ========  ======================================================
    file                                reader    why
    ==================================  ========  ======================================================
    decord is not installed             PyAV      no wheels for macOS and ARM
    AVI                                 PyAV      decord repeats the packed B-frames of MPEG-4 in AVI
    MPEG-TS, MPEG-PS and the like       PyAV      decord shifts frames or mixes up the last ones
    10 bits, 4:2:2 and the like         PyAV      decord converts colours differently (by 3.4 of 255)
    AV1, VP8 and rarer codecs           PyAV      decord refuses them or has returned wrong frames
    rotated pictures                    PyAV      not verified: decord rotates them itself
    several video streams               PyAV      not verified: decord may choose another one
    decord counts other frames or       PyAV      its numbers then mean other pictures; narrow pictures
    returns pictures of another shape             get a fourth channel
    picture size changes                PyAV      decord scales all pictures to the first size
    decord fails while decoding         PyAV      continues from there; fails too if the file is damaged
    H.264, H.265, VP9, MPEG-4 in MP4,   decord    same frames and pixels; variable rate too, since times
    MOV, MKV and WebM, 8 bits, 4:2:0              come from the packets
    ==================================  ========  ======================================================

    Each reason is logged once per process. To survive a decord that crashes or hangs, decode under a time limit
    (:class:`~aher_lightning.video.frame_source.FrameSource`): PyAV then takes over.

    Equal to the bit with PyAV 18 and 19; PyAV 17 converts the colours of some files slightly differently (by less than
    3 of 255).

    Args:
        use_decord: Whether to use decord where it is exact.
    """

    def __init__(self, use_decord: bool = False) -> None:
        self._pyav = PyAVReader()
        self._decord = DecordReader() if use_decord else None

    @property
    def version(self) -> str:
        """Versions of PyAV and of decord where it is in use."""
        decord = self._decord.version if self._decord is not None else ""
        return f"PyAV {self._pyav.version}" + (f", decord {decord}" if decord else "")

    @property
    def fallback(self) -> VideoReader | None:
        """PyAV, where decord is in use."""
        return self._pyav if self._decord is not None else None

    def probe(self, path: Path) -> VideoInfo:
        """Return facts about a video; see :meth:`VideoReader.probe`."""
        return self._pyav.probe(path)

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        """Yield the frame on display at each time; see :meth:`VideoReader.iter_frames`."""
        times = ascending_times(times_sec).tolist()
        if self._decord is not None:
            objection = self._decord.objection(self.probe(path))
            if not objection:
                return self._iter_decord_first(self._decord, path, times)
            _report(objection, f"{objection}: PyAV decodes such files")
        return self._pyav.iter_frames(path, times)

    def _iter_decord_first(self, decord: DecordReader, path: Path, times_sec: list[float]) -> Iterator[Image]:
        """Yield from decord until it fails, then from PyAV."""
        done = 0
        try:
            for image in decord.iter_frames(path, times_sec):
                yield image
                done += 1
        except VideoError as failure:
            # Logged only once PyAV succeeds: a damaged file fails with the message of PyAV alone.
            for image in self._pyav.iter_frames(path, times_sec[done:]):
                _report(path, f"{str(failure).removesuffix(f'; {REMEDY}')}; PyAV decodes it")
                yield image


def _report(cause: str | Path, message: str) -> None:
    """Log a warning, once per cause."""
    if cause not in _reported:
        _reported.add(cause)
        _LOG.warning(message)
