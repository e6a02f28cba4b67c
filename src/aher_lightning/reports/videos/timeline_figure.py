"""The detections of one video as a figure for papers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from aher_lightning.analyses.timeline_bars import GROUND_TRUTH_ROW, TimelineBar
from aher_lightning.annotations.activitynet import Instance
from aher_lightning.errors import PredictionError
from aher_lightning.files.json_files import MalformedError
from aher_lightning.reports.videos.detection_rows import DetectionRow, check_rows
from aher_lightning.reports.videos.timelines import TimelinePanel, draw_timelines

DETECTION_ROW = "detections"
"""Name of the row of detections."""

FORMATS = (".pdf", ".png", ".svg")
"""Endings of figures, vectors or pixels."""


def write_timeline_figure(
    path: Path,
    video_id: str,
    duration_sec: float,
    rows: Sequence[DetectionRow],
    ground_truth: Sequence[Instance] | None = None,
) -> None:
    """Draw the detections of a video as bars in the colours of their categories, below the annotated actions.

    Bars that overlap take lanes of their own, so choose few of the rows, see
    :func:`~aher_lightning.reports.videos.detection_rows.best_rows`. For several videos or systems, see
    :func:`~aher_lightning.reports.videos.timelines.draw_timelines` and ``aher analyze timelines``.

    Args:
        path: File to write, ending in one of :data:`FORMATS`; missing parent folders are made.
        video_id: Name of the video.
        duration_sec: Its duration in seconds.
        rows: Detections; what reaches beyond the video is cut off.
        ground_truth: Annotated actions; no row for them if not given.

    Raises:
        PredictionError: If the ending is none of these, a number is not finite, a segment does not end after its start,
            the duration is not positive, or the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise PredictionError(f"{path}: not written: is no figure; end its name in {', '.join(FORMATS)}")
    if not 0 < duration_sec < math.inf:
        raise PredictionError(f"{path}: not written: the video lasts {duration_sec:g} s; give its duration")
    try:
        check_rows(rows)
    except MalformedError as reason:
        raise PredictionError(f"{path}: not written: {reason}") from None
    bars: dict[str, list[TimelineBar]] = {}
    if ground_truth is not None:
        truth = [TimelineBar(video_id, GROUND_TRUTH_ROW, *one[1:], one.label, None) for one in ground_truth]
        bars[GROUND_TRUTH_ROW] = _cut(truth, duration_sec)
    found = [TimelineBar(video_id, DETECTION_ROW, row.start_sec, row.end_sec, row.label, row.score) for row in rows]
    bars[DETECTION_ROW] = _cut(found, duration_sec)
    try:
        draw_timelines(path, [TimelinePanel(video_id, duration_sec, bars)])
    except OSError as failure:
        raise PredictionError(f"{path}: cannot be written ({failure.strerror}); choose another place") from None


def _cut(bars: Sequence[TimelineBar], duration_sec: float) -> list[TimelineBar]:
    """Return the parts of bars that are within the video."""
    cut = [bar._replace(start=max(bar.start, 0.0), end=min(bar.end, duration_sec)) for bar in bars]
    return [bar for bar in cut if bar.end > bar.start]
