"""Lists of video ids, such as those of videos that are excluded or no longer available."""

from __future__ import annotations

import csv
from pathlib import Path

from aher_lightning.annotations.csv_annotations import COLUMN_NAMES
from aher_lightning.annotations.records import validate_video_id
from aher_lightning.annotations.text_files import read_lines
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError, json_type, read_json

_EXPECTED = "a JSON list of video ids, a table with a column 'video', or one id on each line"

_PREFIX = "v_"
"""Prefix of ids in the tables and file names of ActivityNet, but not in its annotations."""


def read_video_list(path: Path) -> frozenset[str]:
    """Return the video ids of a file.

    A ``.json`` file holds a list of ids, or an object with the ids as keys. A ``.csv`` file is a table with the column
    ``video`` (or ``video_id``, ``id``); a ``v_`` before all of its ids is removed, as tables of ActivityNet have it.
    Any other file has one id per line; empty lines and those that begin with ``#`` are skipped.

    Raises:
        AnnotationError: If the file cannot be read, has no id, or one that is no plain file name.
    """
    entries = _read_entries(path)
    try:
        ids = [validate_video_id(entry, MalformedError) for entry in entries]
    except MalformedError as reason:
        raise AnnotationError(f"{path}: {reason}") from None
    if not ids:
        raise AnnotationError(f"{path}: lists no video; expected {_EXPECTED}")
    return frozenset(ids)


def _read_entries(path: Path) -> list[str]:
    """Ids as the file spells them."""
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
    """Ids of a table."""
    rows = [row for row in csv.reader(read_lines(path, _EXPECTED)) if row]
    heading = [name.strip().lower() for name in rows[0]]
    places = [place for place, name in enumerate(heading) if name in COLUMN_NAMES["video"]]
    if len(places) != 1:
        wanted = " or ".join(map(repr, COLUMN_NAMES["video"]))
        raise AnnotationError(f"{path}: the heading has {len(places)} columns {wanted}, but needs one; correct it")
    short = [number for number, row in enumerate(rows, start=1) if len(row) <= places[0]]
    if short:
        raise AnnotationError(f"{path}: row {short[0]} has no video; correct or remove it")
    names = [row[places[0]].strip() for row in rows[1:]]
    has_prefix = all(name.startswith(_PREFIX) for name in names)
    return [name.removeprefix(_PREFIX) for name in names] if has_prefix else names
