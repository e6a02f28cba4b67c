"""Detections as a table, one on each line: for spreadsheets, and for whoever annotates with them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from aher_lightning.annotations.activitynet import validate_video_id
from aher_lightning.errors import PredictionError
from aher_lightning.files.json_files import MalformedError, decimal_number, write_text
from aher_lightning.reports.videos.detection_rows import DetectionRow, check_row, check_rows

COLUMNS = ("video", "start", "end", "label", "score")
"""The heading; times are in seconds."""


def write_detection_csv(path: Path, rows: Mapping[str, Sequence[DetectionRow]]) -> None:
    """Write the detections of videos as CSV, atomically and without rounding.

    :func:`~aher_lightning.annotations.csv_table.read_csv_annotations` reads the same file as annotations, with
    ``on_missing_duration`` other than ``"error"``: it ignores the scores.

    Args:
        path: File to write or to replace, UTF-8.
        rows: Detections by video id; a video without any leaves no line.

    Raises:
        PredictionError: If a number is not finite, a segment does not end after its start, a label is empty or breaks
            its line, an id is unsafe, or the file cannot be written; the message names the video and the row, from 0.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_detection_csv(Path(folder, "p.csv"), {"v1": [DetectionRow("high, jump", 0.75, 1.5, 4.0)]})
        ...     print(Path(folder, "p.csv").read_text(), end="")
        video,start,end,label,score
        v1,1.5,4.0,"high, jump",0.75
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    video_id = ""
    try:
        for video_id, found in rows.items():
            validate_video_id(video_id, MalformedError)
            check_rows(found)
            writer.writerows((video_id, row.start_sec, row.end_sec, row.label, row.score) for row in found)
    except MalformedError as reason:
        raise PredictionError(f"{path}: not written: video {video_id!r:.80}: {reason}") from None
    write_text(path, text.getvalue(), PredictionError)


def read_detection_csv(path: Path) -> dict[str, list[DetectionRow]]:
    """Return the detections of a file that :func:`write_detection_csv` wrote.

    Args:
        path: File to read; UTF-8, with or without byte order mark.

    Returns:
        Rows by video id, both in file order and to the last bit.

    Raises:
        PredictionError: If the file is missing, or has a line that is no detection; the message names the line.
    """
    expected = f"expected a table with the heading {','.join(COLUMNS)}"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as failure:
        raise PredictionError(f"{path}: cannot be read ({failure.strerror}); {expected}") from None
    except UnicodeDecodeError:
        raise PredictionError(f"{path}: is not UTF-8 text; {expected}") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, list[DetectionRow]] = {}
    try:
        for video_id, row in _parse_rows(reader):
            found.setdefault(video_id, []).append(row)
    except (MalformedError, csv.Error) as reason:
        raise PredictionError(f"{path}: line {reader.line_num}: {reason}; {expected}") from None
    return found


def _parse_rows(lines: Iterator[Sequence[str]]) -> Iterator[tuple[str, DetectionRow]]:
    """Yield video id and detection of each line below the heading."""
    if tuple(next(lines, ())) != COLUMNS:
        raise MalformedError("has another heading")
    yield from map(_parse_row, lines)


def _parse_row(fields: Sequence[str]) -> tuple[str, DetectionRow]:
    """Return video id and detection of a line."""
    if len(fields) != len(COLUMNS):
        raise MalformedError(f"has {len(fields)} fields, not {len(COLUMNS)}")
    video_id, start, end, label, score = fields
    times = decimal_number(start, "start"), decimal_number(end, "end")
    row = DetectionRow(label, decimal_number(score, "score"), *times)
    check_row(row)
    return validate_video_id(video_id, MalformedError), row
