"""``aher analyze timelines``: instances and detections over the time of some videos (figure 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from aher_lightning.analyses.timeline_bars import GROUND_TRUTH_ROW, TimelineBar, detection_bars, ground_truth_bars
from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.console import output_console
from aher_lightning.errors import AnnotationError, ConfigError
from aher_lightning.reports.csv_table import write_csv
from aher_lightning.reports.evaluation.protocol import skipped_line
from aher_lightning.reports.predictions.reader import Predictions, read_predictions
from aher_lightning.reports.videos.timelines import TimelinePanel, draw_timelines

SINGLE_ROW = "detections"
"""Name of the row if there is one prediction file without a name."""


def timelines(
    ground_truth: Path,
    predictions: dict[str, Path] | Path,
    output: Path = Path("analysis"),
    *,
    videos: list[str] | None = None,
    first: int = 3,
    top_k: int = 5,
    min_score: float = 0.0,
    max_tiou: float = 0.5,
    skip_invalid: bool = False,
) -> list[TimelineBar]:
    """Draw ground truth and the best detections of some videos as bars over time.

    Args:
        ground_truth: Annotation file in ActivityNet layout.
        predictions: Prediction file that ``aher test`` wrote, or several by the name of their system, one row
            each: ``{"AherNet": FILE, "AherNet-": FILE}``.
        output: Folder for ``timelines.csv`` and ``timelines.png``; made if needed.
        videos: Ids of the videos to draw, in order; the first annotated ones of the prediction files if not given.
        first: How many of those.
        top_k: Detections per video and system at most.
        min_score: Smallest score of a detection that is drawn.
        max_tiou: Of detections of a system that overlap by more, only the best is drawn.
        skip_invalid: Leave out predictions that cannot be used, and say how many, instead of refusing the file.

    Returns:
        The bars drawn.

    Raises:
        AnnotationError: If the annotation file cannot be used, or lacks a video.
        PredictionError: If a prediction file cannot be used.
        ConfigError: If an option is out of range.
    """
    if min(first, top_k) < 1 or not 0 <= max_tiou <= 1:
        raise ConfigError("'first' and 'top_k' must be at least 1 and 'max_tiou' within 0 and 1; correct them")
    files = {SINGLE_ROW: predictions} if isinstance(predictions, Path) else predictions
    if not files or GROUND_TRUTH_ROW in files:
        raise ConfigError(f"predictions needs names of systems, other than '{GROUND_TRUTH_ROW}': {{\"AherNet\": FILE}}")
    annotated = read_activitynet(ground_truth, on_invalid="drop")
    systems = {name: read_predictions(path, skip_invalid=skip_invalid) for name, path in files.items()}
    chosen = _choose_videos(annotated, systems, ground_truth, videos, first)
    limits = partial(detection_bars, top_k=top_k, min_score=min_score, max_tiou=max_tiou)
    panels = [_panel(annotated[video_id], systems, limits) for video_id in chosen]
    bars = [bar for panel in panels for row in panel.rows.values() for bar in row]
    write_csv(output / "timelines.csv", TimelineBar._fields, bars)
    draw_timelines(output / "timelines.png", panels)
    for name, found in systems.items():
        if found.skipped:
            output_console().print(f"{name}: {skipped_line(found.skipped)}", markup=False)
    output_console().print(f"{len(panels)} videos: {', '.join(chosen)}", markup=False)
    output_console().print(f"written to {output / 'timelines.csv'} and {output / 'timelines.png'}", markup=False)
    return bars


def _choose_videos(
    annotated: Mapping[str, AnnotatedVideo],
    systems: Mapping[str, Predictions],
    ground_truth: Path,
    videos: list[str] | None,
    first: int,
) -> list[str]:
    """The ids asked for, or the first ones that have predictions and annotations."""
    if videos is not None:
        missing = [video for video in videos if video not in annotated]
        if missing or not videos:
            wrong = f"has no video {missing[0]!r}" if missing else "no video is asked for"
            raise AnnotationError(f"{ground_truth}: {wrong}; give ids of the annotation file")
        return videos
    predicted = dict.fromkeys(video for system in systems.values() for video in system.detections)
    chosen = [video for video in predicted if video in annotated][:first]
    if not chosen:
        raise AnnotationError(f"{ground_truth}: has none of the predicted videos; give the file that fits them")
    return chosen


def _panel(
    video: AnnotatedVideo, systems: Mapping[str, Predictions], bars_of: Callable[..., list[TimelineBar]]
) -> TimelinePanel:
    """The rows of one video; a system that found nothing in it has an empty one."""
    rows = {GROUND_TRUTH_ROW: ground_truth_bars(video)}
    for name, system in systems.items():
        found = system.detections.get(video.video_id)
        rows[name] = [] if found is None else bars_of(video.video_id, name, found, system.categories)
    return TimelinePanel(video.video_id, video.duration_sec, rows)
