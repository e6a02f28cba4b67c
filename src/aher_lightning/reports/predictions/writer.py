"""Writer of prediction files in ActivityNet's layout, which every evaluation script of the field reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.errors import PredictionError
from aher_lightning.files.json_files import MalformedError, write_json
from aher_lightning.reports.videos.detection_rows import detection_rows
from aher_lightning.structures import Detections

_VERSION = "VERSION 1.3"
"""Version that official evaluators expect in the file."""


def write_predictions(path: Path, detections: Mapping[str, Detections], categories: Sequence[str]) -> None:
    """Write detections in the official layout, atomically and without rounding.

    Reading the file returns the same numbers to the last bit, whether they were float32 or float64, in the same
    order. The order of the videos breaks ties between equal scores in the evaluation: write them in the order of
    their indices in the in-memory metric to get exactly its scores.

    Args:
        path: File to write or to replace.
        detections: Detections by video id, seconds; a video without any is written with an empty list.
        categories: Names that the labels index.

    Raises:
        PredictionError: If a number is not finite, a segment does not end after its start, a label has no name, an id
            is unsafe, or the file cannot be written; the message names the video and the row, from 0.

    Example:
        >>> import torch
        >>> from tempfile import TemporaryDirectory
        >>> found = Detections(torch.tensor([[1.5, 4.0]]), torch.tensor([0.75]), torch.tensor([0]))
        >>> with TemporaryDirectory() as folder:
        ...     write_predictions(Path(folder, "p.json"), {"v1": found}, ["wave"])
        ...     print(Path(folder, "p.json").read_text()[38:103])
        {"v1": [{"label": "wave", "score": 0.75, "segment": [1.5, 4.0]}]}
    """
    results = {}
    video_id = ""
    try:
        for video_id, found in detections.items():
            validate_video_id(video_id, MalformedError)
            results[video_id] = _entries(found, categories)
    except MalformedError as reason:
        raise PredictionError(f"{path}: not written: video {video_id!r:.80}: {reason}") from None
    content = {"version": _VERSION, "results": results, "external_data": {"used": False, "details": ""}}
    write_json(path, content, PredictionError)


def _entries(found: Detections, categories: Sequence[str]) -> list[dict[str, object]]:
    """Check and convert the detections of one video to the layout of the file."""
    return [
        {"label": row.label, "score": row.score, "segment": [row.start_sec, row.end_sec]}
        for row in detection_rows(found, categories)
    ]
