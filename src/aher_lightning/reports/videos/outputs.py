"""All files about one video: which there are, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from aher_lightning.annotations.activitynet import Instance
from aher_lightning.errors import ConfigError
from aher_lightning.reports.predictions.writer import write_predictions
from aher_lightning.reports.videos.detection_csv import write_detection_csv
from aher_lightning.reports.videos.detection_rows import DetectionRow, best_rows, detection_rows
from aher_lightning.reports.videos.page import write_video_page
from aher_lightning.reports.videos.subtitles import write_srt, write_vtt
from aher_lightning.reports.videos.timeline_figure import write_timeline_figure
from aher_lightning.structures import Detections

FORMATS = ("json", "csv", "srt", "vtt", "html", "pdf", "png", "svg")
"""Endings of the files that can be written."""

BEST_ROWS = 10
"""How many detections subtitles, figures and clips show, for each window that a video is long."""

DISTINCT_TIOU = 0.5
"""Largest tIoU of two detections that are both worth showing."""


class VideoReport(NamedTuple):
    """What the files about a video tell.

    Attributes:
        path: The video file.
        duration_sec: Its duration in seconds.
        detections: Its detections, in seconds, best first.
        categories: Names that the labels index.
        ground_truth: Its annotated actions, if they are known.
        num_windows: How many windows long the video is.
    """

    path: Path
    duration_sec: float
    detections: Detections
    categories: Sequence[str]
    ground_truth: Sequence[Instance] | None = None
    num_windows: int = 1

    def best(self) -> list[DetectionRow]:
        """Return the few detections that are worth showing: the best ones, of nearly equal segments one."""
        rows = detection_rows(self.detections, self.categories)
        return best_rows(rows, top_k=BEST_ROWS * self.num_windows, max_tiou=DISTINCT_TIOU)


def parse_formats(text: str) -> list[str]:
    """Return the formats that a text names, JSON last, which is always among them: it says that a video is done.

    Args:
        text: Endings, separated by commas.

    Returns:
        The endings, each once.

    Raises:
        ConfigError: If there is no such format.

    Example:
        >>> parse_formats("json, html,srt")
        ['html', 'srt', 'json']
    """
    names = [name.strip().lower().removeprefix(".") for name in text.split(",")]
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise ConfigError(f"there is no format '{unknown[0]:.20}'; choose among {', '.join(FORMATS)}")
    return [name for name in dict.fromkeys(names) if name != "json"] + ["json"]


def output_files(folder: Path, name: PurePath, formats: Sequence[str]) -> dict[str, Path]:
    """Return the files of a video.

    Args:
        folder: Folder of results.
        name: Place of the video below it, without an ending.
        formats: Endings.

    Returns:
        File by format, in the order of the formats.
    """
    return {ending: folder / name.parent / f"{name.name}.{ending}" for ending in formats}


def write_outputs(files: dict[str, Path], report: VideoReport) -> None:
    """Write the files of a video in their order, each as a whole or not at all.

    Args:
        files: File by format, as :func:`output_files` returns them.
        report: What they tell.

    Raises:
        PredictionError: If a file cannot be written.
    """
    for ending, path in files.items():
        _write(ending, path, report)


def _write(ending: str, path: Path, report: VideoReport) -> None:
    """Write one file."""
    video_id = report.path.stem
    if ending == "json":
        write_predictions(path, {video_id: report.detections}, report.categories)
    elif ending == "csv":
        write_detection_csv(path, {video_id: detection_rows(report.detections, report.categories)})
    elif ending == "srt":
        write_srt(path, report.best())
    elif ending == "vtt":
        write_vtt(path, report.best())
    elif ending == "html":
        rows = detection_rows(report.detections, report.categories)
        write_video_page(path, report.path, report.duration_sec, rows, report.ground_truth)
    else:
        write_timeline_figure(path, video_id, report.duration_sec, report.best(), report.ground_truth)
