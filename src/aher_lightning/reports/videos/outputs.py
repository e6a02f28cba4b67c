"""The files about one video: which there are, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from aher_lightning.annotations.records import Instance
from aher_lightning.errors import ConfigError
from aher_lightning.reports.predictions.writer import write_predictions
from aher_lightning.reports.videos.detection_csv import write_detection_csv
from aher_lightning.reports.videos.detection_rows import DetectionRow, best_rows, detection_rows
from aher_lightning.reports.videos.page import write_video_page
from aher_lightning.reports.videos.subtitles import write_srt, write_vtt
from aher_lightning.reports.videos.timelines import write_timeline_figure
from aher_lightning.structures import Detections

FORMATS = ("json", "csv", "srt", "vtt", "html", "pdf", "png", "svg")
"""File extensions that can be written."""

BEST_ROWS = 10
"""Detections that subtitles, figures and clips show per window of the video."""

_DISTINCT_TIOU = 0.5
"""Largest tIoU of two detections that are both shown."""


class VideoReport(NamedTuple):
    """What the files about a video contain.

    Attributes:
        path: The video file.
        duration_sec: Its duration in seconds.
        detections: Its detections, in seconds, best first.
        categories: Names that the labels index.
        ground_truth: Its annotated actions, if they are known.
        num_windows: Length of the video in windows of the model.
    """

    path: Path
    duration_sec: float
    detections: Detections
    categories: Sequence[str]
    ground_truth: Sequence[Instance] | None = None
    num_windows: int = 1

    def rows(self) -> list[DetectionRow]:
        """Return all detections as rows."""
        return detection_rows(self.detections, self.categories)

    def best(self) -> list[DetectionRow]:
        """Return the best detections, one of each set of nearly equal segments."""
        return best_rows(self.rows(), top_k=BEST_ROWS * self.num_windows, max_tiou=_DISTINCT_TIOU)


def parse_formats(text: str) -> list[str]:
    """Return the formats that a text names, JSON always and last: it marks a video as done.

    Args:
        text: Extensions, separated by commas.

    Returns:
        The extensions, each once.

    Raises:
        ConfigError: If a format is unknown.

    Example:
        >>> parse_formats("json, html,srt")
        ['html', 'srt', 'json']
    """
    names = [name.strip().lower().removeprefix(".") for name in text.split(",")]
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise ConfigError(f"unknown format '{unknown[0]:.20}'; choose from {', '.join(FORMATS)}")
    return [name for name in dict.fromkeys(names) if name != "json"] + ["json"]


def output_files(folder: Path, name: PurePath, formats: Sequence[str]) -> dict[str, Path]:
    """Return the file of a video in each format.

    Args:
        folder: Folder of results.
        name: Place of the video below it, without extension.
        formats: Extensions.
    """
    return {ending: folder / name.parent / f"{name.name}.{ending}" for ending in formats}


def write_outputs(files: dict[str, Path], report: VideoReport) -> None:
    """Write the files of a video in their order, each atomically.

    Args:
        files: File by format, from :func:`output_files`.
        report: What they contain.

    Raises:
        PredictionError: If a file cannot be written.
    """
    video_id = report.path.stem
    for ending, path in files.items():
        if ending == "json":
            write_predictions(path, {video_id: report.detections}, report.categories)
        elif ending == "csv":
            write_detection_csv(path, {video_id: report.rows()})
        elif ending == "srt":
            write_srt(path, report.best())
        elif ending == "vtt":
            write_vtt(path, report.best())
        elif ending == "html":
            write_video_page(path, report.path, report.duration_sec, report.rows(), report.ground_truth)
        else:
            write_timeline_figure(path, video_id, report.duration_sec, report.best(), report.ground_truth)
