"""The default reader: PyAV, or decord on request for the files that it decodes exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from aher_lightning.errors import VideoError
from aher_lightning.video.decord_reader import DecordReader
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import Image, VideoInfo, VideoReader, ascending_times


class AutoReader(VideoReader):
    """Decode with PyAV; on request with decord where that gives the same frames.

    PyAV is the default because it is the faster one on real files, one frame after another as well as here and there
    (``benchmarks/decoding.py``). Which of them decodes changes no frame. With ``use_decord``:

    ==================================  ========  ====================================================
    file                                reader    why
    ==================================  ========  ====================================================
    decord is not installed             PyAV      an extra, without wheels for macOS and ARM
    AVI                                 PyAV      decord repeats the packed B-frames of MPEG-4 in AVI
    MPEG-TS, MPEG-PS and the like       PyAV      decord shifts frames, or mixes up the last ones
    10 bits, 4:2:2 and the like         PyAV      decord converts colours differently (3.4 of 255)
    AV1, VP8 and rarer codecs           PyAV      decord refuses them, or has returned wrong frames
    equally large video streams         PyAV      decord may choose another one
    decord counts other frames, or      PyAV      its numbers then mean other pictures; narrow pictures
    gives pictures of another shape               get a fourth channel
    decord fails on the way             PyAV      goes on from there; it fails too if the file is bad
    H.264, H.265, VP9, MPEG-4 in MP4,   decord    same frames and pixels; variable rate and rotation too,
    MOV, MKV and WebM, 8 bits, 4:2:0              since times come from the packets
    ==================================  ========  ====================================================

    To the bit with PyAV 18; older ones convert the colours of some files slightly differently (under 3 of 255).

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

    def probe(self, path: Path) -> VideoInfo:
        """Return facts about a video; see :meth:`VideoReader.probe`."""
        return self._pyav.probe(path)

    def chooses_decord(self, info: VideoInfo) -> bool:
        """Whether a file is of the kind that decord decodes exactly.

        Args:
            info: Facts about the file.

        Returns:
            False also where decord is not installed.
        """
        return self._decord is not None and not self._decord.objection(info)

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        """Yield the frame on display at each time; see :meth:`VideoReader.iter_frames`."""
        times = ascending_times(times_sec).tolist()
        if self._decord is None or not self.chooses_decord(self.probe(path)):
            return self._pyav.iter_frames(path, times)
        return self._iter_decord_first(self._decord, path, times)

    def _iter_decord_first(self, decord: DecordReader, path: Path, times_sec: list[float]) -> Iterator[Image]:
        """Yield from decord as long as it can, then from PyAV."""
        done = 0
        try:
            for image in decord.iter_frames(path, times_sec):
                yield image
                done += 1
        except VideoError:
            yield from self._pyav.iter_frames(path, times_sec[done:])
