"""Temporal annotations of THUMOS14: one text file per category, and files with durations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

from aher_lightning.annotations.records import (
    AnnotatedVideo,
    Instance,
    InvalidPolicy,
    report_dropped,
    validate_video_id,
)
from aher_lightning.annotations.text_files import parse_seconds, read_instances, read_lines
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError

Thumos14Subset = Literal["validation", "test"]
"""The two subsets with temporal annotations; the validation videos serve for training."""

AMBIGUOUS = "Ambiguous"
"""Name of instances that annotators could not categorize; the detection task leaves them out."""

_FILE_ENDING: Mapping[Thumos14Subset, str] = {"validation": "_val", "test": "_test"}

_LINE = "lines of video, start and end in seconds"
_DURATIONS = "alternating lines of a video name and its seconds"


def read_thumos14(
    folder: Path, subset: Thumos14Subset, *, with_ambiguous: bool = False, on_invalid: InvalidPolicy = "error"
) -> dict[str, AnnotatedVideo]:
    """Return the annotated videos of one subset, with their instances in the order of category and line.

    Reads ``temporal_annotations_<subset>/<Category>_{val,test}.txt`` and ``<subset>_durations.txt``. Every
    instance of CliffDiving is also annotated as Diving; both are kept. Segments may reach beyond the end of the
    video, as 30 of the published ones do: see :meth:`AnnotatedVideo.clipped`.

    Args:
        folder: The annotation folder.
        subset: Which videos.
        with_ambiguous: Whether "Ambiguous" counts as a category; one test video has nothing else.
        on_invalid: What to do with instances whose end is not after their start.

    Returns:
        Video by id, sorted by id.

    Raises:
        AnnotationError: If a file is missing, or has an invalid line, which the message names.
    """
    annotations = folder / f"temporal_annotations_{subset}"
    files = sorted(annotations.glob(f"*{_FILE_ENDING[subset]}.txt"))
    if not files:
        raise AnnotationError(
            f"{annotations}: has no annotations of THUMOS14; expected one file "
            f"<Category>{_FILE_ENDING[subset]}.txt per category, with {_LINE}"
        )
    durations_path = folder / f"{subset}_durations.txt"
    durations_sec = _read_durations(durations_path)
    instances: dict[str, list[Instance]] = {}
    for path in files:
        category = path.stem.removesuffix(_FILE_ENDING[subset])
        if with_ambiguous or category != AMBIGUOUS:
            parse = partial(_parse_line, category=category)
            for video_id, found in read_instances(path, _LINE, parse, on_invalid).items():
                instances.setdefault(video_id, []).extend(found)
    missing = sorted(set(instances) - set(durations_sec))
    if missing:
        raise AnnotationError(f"{durations_path}: has no duration for video '{missing[0]}'; add it")
    videos = {
        video_id: AnnotatedVideo.from_entries(video_id, subset, durations_sec[video_id], found, on_invalid)
        for video_id, found in sorted(instances.items())
    }
    report_dropped(annotations, videos.values())
    return videos


def _read_durations(path: Path) -> dict[str, float]:
    """Seconds by video id, from a file of alternating lines: a name, perhaps a path with an extension, and seconds."""
    lines = [line.strip() for line in read_lines(path, _DURATIONS) if line.strip()]
    if len(lines) % 2:
        raise AnnotationError(f"{path}: the last video has no duration; expected {_DURATIONS}")
    name = ""
    durations_sec: dict[str, float] = {}
    try:
        for name, seconds in zip(lines[::2], lines[1::2], strict=True):
            video_id = validate_video_id(PurePosixPath(name).stem, MalformedError)
            durations_sec[video_id] = _parse_duration(seconds)
    except MalformedError as reason:
        raise AnnotationError(f"{path}: video {name!r:.80}: {reason}; expected {_DURATIONS}") from None
    return durations_sec


def _parse_duration(text: str) -> float:
    """A positive number of seconds."""
    seconds = parse_seconds(text)
    if seconds <= 0:
        raise MalformedError(f"duration {text} is not positive")
    return seconds


def _parse_line(line: str, category: str) -> tuple[str, Instance]:
    """Video and instance of one line."""
    fields = line.split()
    if len(fields) != 3:
        raise MalformedError(f"has {len(fields)} fields; expected {_LINE}")
    video_id = validate_video_id(fields[0], MalformedError)
    return video_id, Instance(category, parse_seconds(fields[1]), parse_seconds(fields[2]))
