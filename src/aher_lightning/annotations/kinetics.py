"""Kinetics-600: lists of trimmed clips, clip files, and the temporal annotations released with AherNet."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from aher_lightning.annotations.category_lists import plain_name
from aher_lightning.annotations.records import (
    AnnotatedVideo,
    Instance,
    InvalidPolicy,
    report_dropped,
    validate_video_id,
)
from aher_lightning.annotations.text_files import parse_seconds, read_instances, read_lines
from aher_lightning.annotations.trimmed_clips import TrimmedClip, moment_id
from aher_lightning.errors import AnnotationError, DataError
from aher_lightning.files.json_files import MalformedError
from aher_lightning.files.video_files import list_videos

_LOG = logging.getLogger(__name__)

_CSV_COLUMNS = ("label", "youtube_id", "time_start", "time_end")
"""Required columns of a list of clips; others are ignored."""

_CSV = f"a Kinetics list, CSV with the columns {','.join(_CSV_COLUMNS)},split"
_SEGMENTS = "lines of YouTube id, start, end and category index, separated by tabs"

_CLIP_NAME = re.compile(r"(?P<youtube_id>.+)_(?P<start>\d{6})_(?P<end>\d{6})")


def clip_id(youtube_id: str, start_sec: int, end_sec: int) -> str:
    """Name a clip as the CVDF mirror does: ``<youtube_id>_<start>_<end>``, whole seconds in six digits.

    Example:
        >>> clip_id("-0z2o1NMALQ", 38, 48)
        '-0z2o1NMALQ_000038_000048'
    """
    return f"{youtube_id}_{start_sec:06d}_{end_sec:06d}"


def youtube_id(clip: str) -> str | None:
    """Return the YouTube id in a name that :func:`clip_id` made, or ``None`` for other names.

    Example:
        >>> youtube_id("-0z2o1NMALQ_000038_000048"), youtube_id("archery--7")
        ('-0z2o1NMALQ', None)
    """
    match = _CLIP_NAME.fullmatch(clip)
    return match["youtube_id"] if match else None


def read_kinetics(path: Path) -> list[TrimmedClip]:
    """Return the clips of ``kinetics-600_train.csv`` or ``kinetics-600_val.csv``.

    Args:
        path: CSV file with a heading and the columns label, youtube_id, time_start, time_end.

    Returns:
        One clip per row, in file order; ids of :func:`clip_id`, labels in the spelling of the file.

    Raises:
        AnnotationError: If the file is missing, is no such list, or has an invalid row.
    """
    lines = read_lines(path, _CSV)
    heading = [name.strip() for name in lines[0].split(",")]
    if not set(_CSV_COLUMNS) <= set(heading):
        raise AnnotationError(f"{path}: its first line is not a heading; expected {_CSV}")
    rows = csv.DictReader(lines[1:], fieldnames=heading)
    try:
        return [_parse_clip(row) for row in rows]
    except MalformedError as reason:
        raise AnnotationError(f"{path}: line {rows.line_num + 1}: {reason}; expected {_CSV}") from None


def read_kinetics_segments(
    path: Path,
    categories: Sequence[str],
    duration_sec: Callable[[str], float | None],
    *,
    on_invalid: InvalidPolicy = "error",
) -> dict[str, AnnotatedVideo]:
    """Return the videos of the temporal annotations released with AherNet.

    Times count from the start of the untrimmed YouTube video, not of the trimmed clip. The file has no durations, and
    many of the videos are no longer available: those of unknown duration are left out and counted in a warning.

    Args:
        path: File with lines of id, start, end and category index, separated by tabs.
        categories: Names in the order of the category indices.
        duration_sec: Returns the duration of a video in seconds, or ``None`` if the video is missing.
        on_invalid: What to do with instances whose end is not after their start.

    Returns:
        Video by id, in file order, all of the subset "validation".

    Raises:
        AnnotationError: If the file is missing, has another layout, or an invalid line.
    """
    found = read_instances(path, _SEGMENTS, partial(_parse_segment, categories=categories), on_invalid)
    durations_sec = {video_id: duration_sec(video_id) for video_id in found}
    videos = {
        video_id: AnnotatedVideo.from_entries(video_id, "validation", seconds, found[video_id], on_invalid)
        for video_id, seconds in durations_sec.items()
        if seconds is not None
    }
    report_dropped(path, videos.values())
    if len(videos) < len(found):
        num_missing = len(found) - len(videos)
        _LOG.warning("%s: left out %d of %d videos without features or file", path, num_missing, len(found))
    return videos


def find_kinetics_clips(root: Path, categories: Sequence[str]) -> dict[TrimmedClip, Path]:
    """Return the clip files below one folder per category, as the CVDF mirror lays them out.

    Folders may spell the categories in any case, with spaces, underscores or other punctuation. A file named
    ``<youtube_id>_<start>_<end>`` gets that id, any other one the id that
    :func:`~aher_lightning.annotations.trimmed_clips.moment_id` makes. The files ``._*`` that some archives hold are no
    videos.

    Args:
        root: Folder that holds ``<category>/<clip>`` video files.
        categories: Wanted categories; other folders are ignored.

    Returns:
        File of each clip, in order of folder and file name.

    Raises:
        DataError: If the folder does not exist.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of clips; put them there as <category>/<clip>, or correct the path")
    wanted = {plain_name(category): category for category in categories}
    folders = sorted(path for path in root.iterdir() if path.is_dir() and plain_name(path.name) in wanted)
    files: dict[TrimmedClip, Path] = {}
    for path in list_videos(root, folders):
        category = wanted[plain_name(path.parent.name)]
        name = path.stem if youtube_id(path.stem) else moment_id(category, path)
        files[TrimmedClip(name, None, category)] = path
    return files


def _parse_clip(row: dict[str, str | None]) -> TrimmedClip:
    """Clip of one row."""
    label, video_id = row["label"], validate_video_id(row["youtube_id"] or "", MalformedError)
    if not label:
        raise MalformedError("has no label")
    start_sec, end_sec = (parse_seconds(row[column] or "") for column in ("time_start", "time_end"))
    return TrimmedClip(clip_id(video_id, int(start_sec), int(end_sec)), None, label)


def _parse_segment(line: str, categories: Sequence[str]) -> tuple[str, Instance]:
    """Video and instance of one line."""
    fields = line.split("\t")
    if len(fields) != 4:
        raise MalformedError(f"has {len(fields)} fields; expected {_SEGMENTS}")
    video_id = validate_video_id(fields[0], MalformedError)
    start_sec, end_sec = parse_seconds(fields[1]), parse_seconds(fields[2])
    index = int(fields[3]) if fields[3].strip().isdecimal() else -1
    if not 0 <= index < len(categories):
        raise MalformedError(f"category index {fields[3].strip()!r:.20} is not one of 0 to {len(categories) - 1}")
    return video_id, Instance(categories[index], start_sec, end_sec)
