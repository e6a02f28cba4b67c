"""Temporal annotations in CSV or TSV tables: a heading, then one instance per line."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.json_values import positive_number
from aher_lightning.annotations.records import (
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
"""Accepted spellings of each column; the last two columns are optional."""

_OPTIONAL = ("duration", "subset")

_EXPECTED = "a table with the heading video,start,end,label, and duration and subset if known, one instance per line"


class _Heading(NamedTuple):
    """Index of each known column by its first spelling, the number of all columns, and the separator of fields."""

    places: Mapping[str, int]
    num_columns: int
    separator: str


@dataclass
class _VideoRows:
    """The rows of one video read so far."""

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

    The columns of the heading may come in any order and any spelling of :data:`COLUMN_NAMES`, in upper or lower case;
    other columns are ignored. Fields are separated by tabs if the heading has one, else by commas. A quoted field must
    end on its line. Numbers are decimal numbers as in :func:`~aher_lightning.files.json_files.decimal_number`. All
    lines of a video must agree on its duration and its subset; a duration may be empty.

    Args:
        path: File; UTF-8, with or without byte order mark.
        subset: Subset of the videos if the table has no such column.
        on_invalid: What to do with instances whose end is not after their start.
        on_missing_duration: What to do with videos without a duration.

    Returns:
        Video by id.

    Raises:
        AnnotationError: If the file is missing, is no such table, or has an invalid line, which the message names.
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
    """Read and check all lines; group them by video."""
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
        raise AnnotationError(f"{path}: has no line below its heading; expected {_EXPECTED}")
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
    """Fields of a line by column."""
    fields = _split(line, heading.separator)
    if len(fields) != heading.num_columns:
        raise MalformedError(
            f"has {len(fields)} fields, the heading {heading.num_columns}; quote a field that holds a separator"
        )
    return {column: fields[place] for column, place in heading.places.items()}


def _split(line: str, separator: str) -> list[str]:
    """Fields of one line, stripped."""
    try:
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error as failure:
        raise MalformedError(f"cannot be split into fields ({failure}); correct its quotes") from None
    return [text.strip() for text in fields]


def _add_row(video: _VideoRows, row: Mapping[str, str], on_invalid: InvalidPolicy) -> None:
    """Check one row, and add it to its video."""
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
        duration_sec = positive_number(row["duration"], "duration")
        if video.duration_sec not in {None, duration_sec}:
            raise MalformedError(f"duration {duration_sec} is {video.duration_sec} in lines above; keep one")
        video.duration_sec = duration_sec
