"""Temporal annotations in a table: one instance on each line, below a heading that names the columns."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.activitynet import (
    AnnotatedVideo,
    Instance,
    InvalidPolicy,
    MissingDurationPolicy,
    check_durations,
    check_segment,
    report_dropped,
    validate_video_id,
)
from aher_lightning.annotations.text_files import read_lines
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError, decimal_number

COLUMN_NAMES: Mapping[str, tuple[str, ...]] = {
    "video": ("video", "video_id", "id"),
    "start": ("start", "start_sec", "t-start"),
    "end": ("end", "end_sec", "t-end"),
    "label": ("label", "class", "category"),
    "duration": ("duration",),
    "subset": ("subset",),
}
"""What the heading may call each column; the last two columns may be missing."""

_OPTIONAL = ("duration", "subset")

_EXPECTED = "a table with the heading video,start,end,label, and duration and subset if known, one instance per line"


class _Heading(NamedTuple):
    """How lines are split: place of each column that is there, by its first name, and the number of all columns."""

    places: Mapping[str, int]
    num_columns: int
    separator: str


@dataclass
class _VideoRows:
    """What the lines read so far say about one video."""

    subset: str | None = None
    duration_sec: float | None = None
    instances: list[Instance] = field(default_factory=list)


def read_csv_annotations(
    path: Path,
    *,
    subset: str = "all",
    on_invalid: InvalidPolicy = "error",
    on_missing_duration: MissingDurationPolicy = "error",
) -> dict[str, AnnotatedVideo]:
    """Return the videos of a table, in the order of their first lines.

    The first line is a heading; its columns may come in any order and in any of the spellings of
    :data:`COLUMN_NAMES`, in upper or lower case, and other columns are ignored. If the heading has a tab, tabs
    separate the fields, else commas. A field may be quoted, but must end on its line. Numbers are decimal numbers as
    in :func:`~aher_lightning.files.json_files.decimal_number`. All lines of a video must agree on its duration and its
    subset; a duration may be left empty.

    Args:
        path: File; UTF-8, with or without byte order mark.
        subset: Subset of the videos if the table has no such column.
        on_invalid: What to do with instances whose end is not after their start, as in
            :func:`~aher_lightning.annotations.activitynet.read_activitynet`.
        on_missing_duration: What to do with videos without a duration.

    Returns:
        Video by id.

    Raises:
        AnnotationError: If the file is missing, is something else, or has a line that cannot be used; the message
            names the line.
    """
    found = _read_rows(path, on_invalid)
    videos = {
        video_id: AnnotatedVideo.from_entries(
            video_id, rows.subset or subset, rows.duration_sec, rows.instances, on_invalid
        )
        for video_id, rows in found.items()
    }
    if on_missing_duration == "error":
        check_durations(path, videos.values())
    report_dropped(path, videos.values())
    return videos


def _read_rows(path: Path, on_invalid: InvalidPolicy) -> dict[str, _VideoRows]:
    """Read and check all lines; put together those of the same video."""
    lines = [(number, line) for number, line in enumerate(read_lines(path, _EXPECTED), start=1) if line.strip()]
    found: dict[str, _VideoRows] = {}
    heading: _Heading | None = None
    for number, line in lines:
        try:
            if heading is None:
                heading = _read_heading(line)
                continue
            row = _read_row(line, heading)
            video = found.setdefault(validate_video_id(row["video"], MalformedError), _VideoRows())
            _add_row(video, row, on_invalid)
        except MalformedError as reason:
            raise AnnotationError(f"{path}: line {number}: {reason}") from None
    if not found:
        raise AnnotationError(f"{path}: has no line after its heading; expected {_EXPECTED}")
    return found


def _read_heading(line: str) -> _Heading:
    """Find the columns by their names."""
    separator = "\t" if "\t" in line else ","
    heading = [name.lower() for name in _split(line, separator)]
    places: dict[str, int] = {}
    for column, spellings in COLUMN_NAMES.items():
        found = [place for place, name in enumerate(heading) if name in spellings]
        if len(found) > 1:
            both = " and ".join(repr(heading[place]) for place in found)
            raise MalformedError(f"the columns {both} could both be the {column}; rename one of them")
        if found:
            places[column] = found[0]
        elif column not in _OPTIONAL:
            wanted = " or ".join(map(repr, spellings))
            raise MalformedError(f"the heading has no column {wanted}; expected {_EXPECTED}")
    return _Heading(places, len(heading), separator)


def _read_row(line: str, heading: _Heading) -> dict[str, str]:
    """The fields of a line by the names of their columns."""
    fields = _split(line, heading.separator)
    if len(fields) != heading.num_columns:
        raise MalformedError(
            f"has {len(fields)} fields, the heading {heading.num_columns}; quote a field that holds a separator"
        )
    return {column: fields[place] for column, place in heading.places.items()}


def _split(line: str, separator: str) -> list[str]:
    """The fields of one line, without the spaces around them."""
    try:
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error as failure:
        raise MalformedError(f"cannot be split into fields ({failure}); mend its quotes") from None
    return [text.strip() for text in fields]


def _add_row(video: _VideoRows, row: Mapping[str, str], on_invalid: InvalidPolicy) -> None:
    """Check one line, and add it to what is known of its video."""
    if not row["label"]:
        raise MalformedError("has no label; name the category")
    start_sec, end_sec = decimal_number(row["start"], "start"), decimal_number(row["end"], "end")
    video.instances.append(check_segment(Instance(row["label"], start_sec, end_sec), on_invalid))
    if "subset" in row:
        if not row["subset"]:
            raise MalformedError("has no subset; name it, or leave out the column")
        if video.subset not in {None, row["subset"]}:
            raise MalformedError(f"subset {row['subset']!r:.40} is {video.subset!r:.40} in lines above; keep one")
        video.subset = row["subset"]
    if row.get("duration"):
        duration_sec = decimal_number(row["duration"], "duration")
        if duration_sec <= 0:
            raise MalformedError(f"duration must be positive, but is {duration_sec}")
        if video.duration_sec not in {None, duration_sec}:
            raise MalformedError(f"duration {duration_sec} is {video.duration_sec} in lines above; keep one")
        video.duration_sec = duration_sec
