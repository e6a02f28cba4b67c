"""Readers that do to some files what bad decoders do to a process; child processes import them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.decord_reader import DecordReader
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import Image, VideoInfo
from tests.helpers.isolated_functions import hang_in_native_code, segfault


class BrokenReader(PyAVReader):
    """Crashes on files whose name says so, when they are probed or when they are decoded."""

    def probe(self, path: Path) -> VideoInfo:
        self._misbehave(path, "probe")
        return super().probe(path)

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        self._misbehave(path, "decode")
        return super().iter_frames(path, times_sec)

    def _misbehave(self, path: Path, moment: str) -> None:
        if f"crash_{moment}" in path.name:
            segfault()
        if f"hang_{moment}" in path.name:
            hang_in_native_code()
        if f"bug_{moment}" in path.name:
            raise ValueError("a bug of the reader")


class BrokenDecord(DecordReader):
    """Decodes with PyAV, and crashes or hangs after ten frames of files whose name says so."""

    def objection(self, info: VideoInfo) -> str:
        del info
        return ""

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        yield from PyAVReader().iter_frames(path, times_sec[:10])
        if "crash" in path.name:
            segfault()
        if "hang" in path.name:
            hang_in_native_code()
        yield from PyAVReader().iter_frames(path, times_sec[10:])


class BrokenAutoReader(AutoReader):
    """Uses that decord, wherever one is installed."""

    def __init__(self) -> None:
        super().__init__(use_decord=True)
        self._decord = BrokenDecord()
