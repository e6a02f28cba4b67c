"""Detections as a CSV table, one per line, for spreadsheets and annotation tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.errors import PredictionError
from aher_lightning.files.json_files import MalformedError
from aher_lightning.reports.csv_table import write_csv
from aher_lightning.reports.videos.detection_rows import DetectionRow, check_rows


def write_detection_csv(path: Path, rows: Mapping[str, Sequence[DetectionRow]]) -> None:
    """Write the detections of videos as CSV, atomically and without rounding; times are in seconds.

    :func:`~aher_lightning.annotations.csv_annotations.read_csv_annotations` reads the same file as annotations, with
    ``on_missing_duration`` other than ``"error"``: it ignores the scores.

    Args:
        path: File to write or to replace, UTF-8.
        rows: Detections by video id; a video without any leaves no line.

    Raises:
        PredictionError: If a number is not finite, a segment does not end after its start, a label is empty or
            contains a line break, an id is unsafe, or the file cannot be written; the message names the video and the
            row, from 0.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_detection_csv(Path(folder, "p.csv"), {"v1": [DetectionRow("high, jump", 0.75, 1.5, 4.0)]})
        ...     print(Path(folder, "p.csv").read_text(), end="")
        video,start,end,label,score
        v1,1.5,4.0,"high, jump",0.75
    """
    lines: list[tuple[object, ...]] = []
    video_id = ""
    try:
        for video_id, found in rows.items():
            validate_video_id(video_id, MalformedError)
            check_rows(found)
            lines += [(video_id, row.start_sec, row.end_sec, row.label, row.score) for row in found]
    except MalformedError as reason:
        raise PredictionError(f"{path}: not written: video {video_id!r:.80}: {reason}") from None
    write_csv(path, ("video", "start", "end", "label", "score"), lines, PredictionError)
