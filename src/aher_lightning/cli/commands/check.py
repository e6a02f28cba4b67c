"""``aher check``: read every video of a data set to find unusable ones before a run."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.cli.cores import count_cores
from aher_lightning.console import ProgressReporter, output_console
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.unusable_videos import UnusableVideo
from aher_lightning.datasets.video_folder import find_same_stems
from aher_lightning.errors import AherError, ConfigError, DataError, DecoderLostError
from aher_lightning.files.json_files import check_writable
from aher_lightning.reports.video_check import CategoryClips, DurationDifference, VideoCheck
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.examination import examine_video
from aher_lightning.video.isolated_pool import IsolatedPool
from aher_lightning.video.reader import VideoInfo, VideoReader

_LOG = logging.getLogger(__name__)

_TOLERANCE_SEC = 0.5
"""Tolerated difference of durations: annotations are often rounded."""

_TOLERANCE = 0.01
"""Or tolerated fraction of the annotated duration: downloads of one video differ at their ends."""


class _Reading(NamedTuple):
    """How a video is read: by which reader, decoding every frame or not, within a time limit in seconds."""

    reader: VideoReader
    decodes: bool
    time_limit_sec: float

    def read(self, pool: IsolatedPool, path: Path) -> VideoInfo:
        """Read a video in a child process; see :func:`~aher_lightning.video.examination.examine_video`."""
        limit_sec = self.time_limit_sec
        try:
            return pool.call(examine_video, self.reader, path, self.decodes, path=path, time_limit_sec=limit_sec)
        except DecoderLostError:
            if self.reader.fallback is None:
                raise
        return self._replace(reader=self.reader.fallback).read(pool, path)


def check(
    data: MixedDataModule,
    output: Path,
    *,
    num_workers: int | None = None,
    time_limit_sec: float = 120.0,
    decode: bool = False,
) -> Path:
    """Read all videos and moments, each in a process of its own, and report those that cannot be used.

    Args:
        data: Which videos there are, and what their annotations say.
        output: JSON file to write; its "unusable" is a list of videos to leave out.
        num_workers: Videos to read at the same time; one per core if not given.
        time_limit_sec: Seconds that one video may take; more make it unusable.
        decode: Whether to decode every frame; otherwise only packets are read, and the first frame is decoded.

    Raises:
        ConfigError: If a number is out of range, or the reader cannot be used in a process of its own.
        DataError: If a video is unusable, after all others are checked and the file is written. Videos without a file
            and durations that differ from the annotations are only reported.
    """
    if num_workers is not None and num_workers < 1:
        raise ConfigError(f"'num_workers' is {num_workers}: choose 1 or more, or leave it out for one per core")
    if not 0 < time_limit_sec < math.inf:
        raise ConfigError(f"'time_limit_sec' is {time_limit_sec}, but must be above 0; correct it")
    check_writable(output, DataError)
    paths, annotated = data.video_paths(), data.videos
    reading = _Reading(data.reader or AutoReader(), decode, time_limit_sec)
    ambiguous = find_same_stems(paths)
    durations_sec, unreadable = _read_all(
        {name: path for name, path in paths.items() if name not in ambiguous}, reading, num_workers or count_cores()
    )
    unusable = [*unreadable, *(_ambiguous(name, paths[name], others) for name, others in ambiguous.items())]
    result = VideoCheck(
        usable=len(durations_sec),
        missing=sorted(annotated.keys() - paths.keys()),
        unusable=sorted(unusable),
        duration_differs=list(_compare_durations(durations_sec, annotated)),
        unmatched=data.unmatched_files(),
        clips=_count_clips(data, durations_sec),
    )
    result.write(output)
    console = output_console()
    console.print(result.table())
    if result.clips:
        console.print()
        console.print(result.clip_table())
    if unusable:
        raise DataError(f"{len(unusable)} of {result.files} videos are unusable, see {output}")
    return output


def _read_all(
    paths: Mapping[str, Path], reading: _Reading, num_workers: int
) -> tuple[dict[str, float], list[UnusableVideo]]:
    """Read videos in parallel; return the durations in seconds of those that can be read, and the others."""
    durations_sec: dict[str, float] = {}
    unusable: list[UnusableVideo] = []
    with (
        ProgressReporter("Checking", len(paths), unit="videos") as progress,
        ThreadPoolExecutor(num_workers) as executor,
        # Closed first, also when interrupted: pending calls then fail, and the threads end at once.
        closing(IsolatedPool()) as pool,
    ):
        futures = {executor.submit(reading.read, pool, path): name for name, path in paths.items()}
        for future in as_completed(futures):
            name = futures[future]
            try:
                durations_sec[name] = future.result().duration_sec
            except ConfigError:
                raise
            except Exception as failure:  # no failure, not even a bug of ours, may end the others
                unusable.append(UnusableVideo.from_failure(name, paths[name], failure))
            progress.advance(note=f"{len(unusable)} unusable" if unusable else "")
    return durations_sec, unusable


def _ambiguous(name: str, path: Path, others: Sequence[Path]) -> UnusableVideo:
    """A video whose name several files share."""
    named = ", ".join(other.name for other in others)
    return UnusableVideo(name, str(path), f"same name as another file, {named}; rename or remove one of them")


def _count_clips(data: MixedDataModule, usable: Collection[str]) -> list[CategoryClips]:
    """Clips of each moment category, and those whose video is usable; none if they cannot be found."""
    if not data.has_moments:
        return []
    try:
        categories, clips = data.categories.moment, data.moment_clips()
    except AherError as problem:
        _LOG.warning("clips per category are not counted: %s", problem)
        return []
    found = Counter(clip.label for clip in clips)
    readable = Counter(clip.label for clip in clips if clip.video_id in usable)
    return [CategoryClips(name, found[name], readable[name]) for name in categories]


def _compare_durations(
    durations_sec: Mapping[str, float], annotated: Mapping[str, AnnotatedVideo]
) -> Iterator[DurationDifference]:
    """The videos that last shorter or longer than their annotation says, in order of name."""
    for name in sorted(durations_sec.keys() & annotated.keys()):
        annotated_sec, file_sec = annotated[name].duration_sec, durations_sec[name]
        tolerance_sec = max(_TOLERANCE_SEC, _TOLERANCE * annotated_sec)
        if annotated[name].has_duration and abs(annotated_sec - file_sec) > tolerance_sec:
            yield DurationDifference(name, annotated_sec, file_sec)
