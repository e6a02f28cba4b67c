"""Lists of video names, such as those of videos that are blocked or no longer available."""

from __future__ import annotations

import csv
from pathlib import Path

from aher_lightning.annotations.activitynet import validate_video_id
from aher_lightning.annotations.csv_table import COLUMN_NAMES
from aher_lightning.annotations.text_files import read_lines
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError, json_type, read_json

_EXPECTED = "a JSON list of video ids, a table with a column 'video', or one id on each line"

_PREFIX = "v_"
"""What tables and files of ActivityNet put before an id, and its annotations do not."""


def read_video_list(path: Path) -> frozenset[str]:
    """Return the video ids of a file.

    A file whose name ends on ``.json`` holds a list of ids, or an object with the ids as keys. One on ``.csv`` is a
    table with a heading, of which the column ``video`` (or ``video_id``, ``id``) is read; a ``v_`` before all of its
    ids is taken off, as tables of ActivityNet have it. Any other file has one id on each line; empty lines and those
    that begin with ``#`` do not count.

    Args:
        path: The file.

    Returns:
        Ids, one or more.

    Raises:
        AnnotationError: If the file cannot be read, has no id, or one that is no plain file name.
    """
    entries = _read_entries(path)
    try:
        ids = [validate_video_id(entry, MalformedError) for entry in entries]
    except MalformedError as reason:
        raise AnnotationError(f"{path}: {reason}") from None
    if not ids:
        raise AnnotationError(f"{path}: names no video; expected {_EXPECTED}")
    return frozenset(ids)


def _read_entries(path: Path) -> list[str]:
    """Return the ids as they stand in the file."""
    if path.suffix == ".csv":
        return _read_column(path)
    if path.suffix != ".json":
        lines = [line.strip() for line in read_lines(path, _EXPECTED)]
        return [line for line in lines if line and not line.startswith("#")]
    content = read_json(path, AnnotationError)
    entries = list(content) if isinstance(content, (list, dict)) else None
    if entries is None:
        raise AnnotationError(f"{path}: holds a JSON {json_type(content)}; expected {_EXPECTED}")
    names = [entry for entry in entries if isinstance(entry, str)]
    if len(names) != len(entries):
        wrong = next(position for position, entry in enumerate(entries) if not isinstance(entry, str))
        raise AnnotationError(f"{path}: entry {wrong} is a JSON {json_type(entries[wrong])}; expected {_EXPECTED}")
    return names


def _read_column(path: Path) -> list[str]:
    """Return the ids of a table."""
    rows = [row for row in csv.reader(read_lines(path, _EXPECTED)) if row]
    heading = [name.strip().lower() for name in rows[0]]
    places = [place for place, name in enumerate(heading) if name in COLUMN_NAMES["video"]]
    if len(places) != 1:
        wanted = " or ".join(map(repr, COLUMN_NAMES["video"]))
        raise AnnotationError(f"{path}: the heading has {len(places)} columns {wanted}, but must have one; correct it")
    short = [number for number, row in enumerate(rows, start=1) if len(row) <= places[0]]
    if short:
        raise AnnotationError(f"{path}: row {short[0]} has no field in the column of the videos; mend or remove it")
    names = [row[places[0]].strip() for row in rows[1:]]
    has_prefix = all(name.startswith(_PREFIX) for name in names)
    return [name.removeprefix(_PREFIX) for name in names] if has_prefix else names
