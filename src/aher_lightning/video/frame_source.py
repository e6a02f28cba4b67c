"""Small frames of video files, decoded in this process or, under a time limit, in child processes."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from aher_lightning.errors import ConfigError, DecoderLostError
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.clips import iter_fitted_frames
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.fitted_frames import next_fitted_frames, open_fitted_frames, read_fitted_frames
from aher_lightning.video.isolated_pool import IsolatedPool
from aher_lightning.video.isolated_worker import START_LIMIT_SEC
from aher_lightning.video.reader import VideoInfo, VideoReader

_LOG = logging.getLogger(__name__)

Result = TypeVar("Result")

PART_BYTES = 2**25
"""Size of the frames that a child process returns at once."""


class FrameSource:
    """Reads the frames of videos, resized and cropped.

    With a time limit, files are probed and decoded in child processes. Where a decoder crashes or hangs, the fallback
    of the reader, if any, decodes that video from then on; otherwise it raises an error about the video. The frames are
    the same to the bit. Any number of threads may read at once, each with a child; a copy in another process, be it
    pickled or forked, has children of its own.

    Args:
        contract: Size of the frames.
        reader: Decodes videos; ``None`` chooses one by itself.
        time_limit_sec: Seconds that a child may take to probe a file, for all frames of one :meth:`read`, and for each
            part of the frames of :meth:`stream`; ``None`` decodes in this process, without limit. Linux and macOS.

    Raises:
        ConfigError: If the time limit is not positive.
    """

    def __init__(
        self, contract: TemporalContract, reader: VideoReader | None = None, *, time_limit_sec: float | None = None
    ) -> None:
        if time_limit_sec is not None and not 0 < time_limit_sec < math.inf:
            raise ConfigError(f"'time_limit_sec' is {time_limit_sec}, but must be above 0; leave it out for no limit")
        self.contract = contract
        self.reader = reader or AutoReader()
        self.time_limit_sec = time_limit_sec
        self._children = IsolatedPool()
        self._replacements: dict[Path, VideoReader] = {}

    def start(self) -> None:
        """Start a child process if one is needed, and let it import what it needs, which takes seconds."""
        if self.time_limit_sec is not None:
            self._children.call(_be_ready, path=Path(), time_limit_sec=START_LIMIT_SEC)

    def probe(self, path: Path) -> VideoInfo:
        """Return facts about a video.

        Args:
            path: The file.

        Returns:
            The facts.

        Raises:
            VideoError: If the file cannot be read, or not within the time limit.
        """
        return self._call(self.reader.probe, path, path=path)

    def read(self, path: Path, times_sec: Sequence[float]) -> Tensor:
        """Return the frames on display at some times, all at once.

        Args:
            path: The file.
            times_sec: Seconds after the first frame, ascending; M of them.

        Returns:
            Pixels, uint8, shape ``(M, 3, H, W)``.

        Raises:
            VideoError: If the file cannot be decoded, or not within the time limit.
        """
        reader = self._reader_of(path)
        try:
            return torch.from_numpy(self._call(read_fitted_frames, reader, path, self.contract, times_sec, path=path))
        except DecoderLostError as failure:
            self._fall_back(path, reader, failure)
        return self.read(path, times_sec)

    def stream(self, path: Path, times_sec: Sequence[float]) -> Iterator[Tensor]:
        """Yield the frames on display at some times, holding few of them.

        Args:
            path: The file.
            times_sec: Seconds after the first frame, ascending.

        Yields:
            Pixels, uint8, shape ``(3, H, W)``; do not write into them.

        Raises:
            VideoError: If the file cannot be decoded, or a part of it not within the time limit.
        """
        reader, done = self._reader_of(path), 0
        try:
            for frame in self._stream(reader, path, times_sec):
                yield frame
                done += 1
        except DecoderLostError as failure:
            self._fall_back(path, reader, failure)
            yield from self.stream(path, times_sec[done:])

    def close(self) -> None:
        """End all child processes, also those that decode for other threads; later calls start new ones."""
        children, self._children = self._children, IsolatedPool()
        children.close()

    def _reader_of(self, path: Path) -> VideoReader:
        """The reader of a video: another one once the first has crashed or hung on it."""
        return self._replacements.get(path, self.reader)

    def _fall_back(self, path: Path, reader: VideoReader, failure: DecoderLostError) -> None:
        """Replace the reader of a video on which it crashed or hung, if it has a fallback."""
        if reader.fallback is None:
            raise failure
        _LOG.warning(f"{path}: its decoder crashed or hung; trying {type(reader.fallback).__name__}")
        self._replacements[path] = reader.fallback

    def _stream(self, reader: VideoReader, path: Path, times_sec: Sequence[float]) -> Iterator[Tensor]:
        """Yield frames, from a child process if there is a time limit."""
        if self.time_limit_sec is None:
            yield from iter_fitted_frames(reader, path, self.contract, times_sec)
            return
        length, limit_sec = max(PART_BYTES // (3 * self.contract.crop**2), 1), self.time_limit_sec
        with self._children.lend(path) as worker:
            video = (reader, path, self.contract, times_sec)
            worker.call(open_fitted_frames, *video, path=path, time_limit_sec=limit_sec)
            while len(part := worker.call(next_fitted_frames, length, path=path, time_limit_sec=limit_sec)):
                yield from torch.from_numpy(part)

    def _call(self, function: Callable[..., Result], *args: object, path: Path) -> Result:
        """Call what may crash or hang: in a child process if there is a time limit."""
        if self.time_limit_sec is None:
            return function(*args)
        return self._children.call(function, *args, path=path, time_limit_sec=self.time_limit_sec)


def _be_ready() -> None:
    """Do nothing: to call this, a child must have imported this file."""
