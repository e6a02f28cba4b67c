"""Prediction files in the layout of ActivityNet, the one that every evaluation script of the field reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from aher_lightning.datasets.annotations import Instance, parse_instance, validate_video_id
from aher_lightning.errors import PredictionError
from aher_lightning.json_files import MalformedError, finite_number, json_type, read_json_object, write_json
from aher_lightning.structures import Detections

_VERSION = "VERSION 1.3"
"""Version that official evaluators expect in the file."""


class Predictions(NamedTuple):
    """Content of a prediction file.

    Attributes:
        detections: Detections by video id, both in file order, float64.
        categories: Names that the labels of the detections index.
    """

    detections: dict[str, Detections]
    categories: list[str]


def write_predictions(path: Path, detections: Mapping[str, Detections], categories: Sequence[str]) -> None:
    """Write detections in the official layout, atomically and without rounding.

    Reading the file returns the same numbers to the last bit, whether they were float32 or float64, in the same
    order. The order of the videos decides between equal scores in the evaluation: write them in the order of
    their indices in the in-memory metric to get exactly its figures.

    Args:
        path: File to write or to replace.
        detections: Detections by video id, seconds; a video without any is written with an empty list.
        categories: Names that the labels index.

    Raises:
        PredictionError: If a number is not finite, a segment ends before it starts, a score is not a number, a
            label has no name, an id is unsafe, or the file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> found = Detections(torch.tensor([[1.5, 4.0]]), torch.tensor([0.75]), torch.tensor([0]))
        >>> with TemporaryDirectory() as folder:
        ...     write_predictions(Path(folder, "p.json"), {"v1": found}, ["wave"])
        ...     read_predictions(Path(folder, "p.json")).detections["v1"].scores
        tensor([0.7500], dtype=torch.float64)
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


def read_predictions(path: Path, categories: Sequence[str] | None = None) -> Predictions:
    """Return the detections of a prediction file.

    The layout is ``{"results": {ID: [{"label", "score", "segment"}]}}``; other keys are ignored.

    Args:
        path: Prediction file.
        categories: Names that may occur, in the order of their indices; ``None`` takes them from the file, in
            the order of their first occurrence.

    Returns:
        Detections and categories.

    Raises:
        PredictionError: If the file is missing, empty, no JSON, not in this layout, or has an entry that cannot
            be used; the message names the file, the video and the entry.
    """
    results = read_json_object(path, PredictionError).get("results")
    if not isinstance(results, dict):
        found = "is missing" if results is None else f"is a JSON {json_type(results)}"
        raise PredictionError(f'{path}: "results" {found}; expected {{"results": {{video id: [...]}}}}')
    indices = {} if categories is None else {name: index for index, name in enumerate(categories)}
    detections: dict[str, Detections] = {}
    video_id = ""
    try:
        for video_id, entries in results.items():
            validate_video_id(video_id, MalformedError)
            detections[video_id] = _parse_video(entries, indices, is_closed=categories is not None)
    except MalformedError as reason:
        raise PredictionError(f"{path}: video {video_id!r:.80}: {reason}") from None
    return Predictions(detections, list(indices))


def _entries(found: Detections, categories: Sequence[str]) -> list[dict[str, object]]:
    """Check and convert the detections of one video to the layout of the file."""
    segments, scores = found.segments.detach().double().cpu(), found.scores.detach().double().cpu()
    labels = found.labels.detach().cpu()
    if segments.shape != (len(scores), 2) or labels.shape != scores.shape:
        shapes = f"{tuple(segments.shape)}, {tuple(scores.shape)}, {tuple(labels.shape)}"
        raise MalformedError(f"segments, scores and labels have shapes {shapes}; expected (N, 2), (N,), (N,)")
    if not (bool(segments.isfinite().all()) and bool(scores.isfinite().all())):
        raise MalformedError("a segment or score is not finite")
    if bool((segments[:, 1] <= segments[:, 0]).any()):
        raise MalformedError("the end of a segment is not after its start")
    if bool(((labels < 0) | (labels >= len(categories))).any()):
        raise MalformedError(f"a label is not among the {len(categories)} categories")
    rows = zip(labels.tolist(), scores.tolist(), segments.tolist(), strict=True)
    return [{"label": categories[label], "score": score, "segment": segment} for label, score, segment in rows]


def _parse_video(entries: object, indices: dict[str, int], *, is_closed: bool) -> Detections:
    """Check and convert the entries of one video; unless closed, new labels are added to ``indices``."""
    if not isinstance(entries, list):
        raise MalformedError(f"is a JSON {json_type(entries)} where a list of predictions is expected")
    segments, scores, labels = [], [], []
    known = indices if is_closed else None
    try:
        for entry in entries:
            instance, score = _parse_entry(entry, known)
            labels.append(indices.setdefault(instance.label, len(indices)))
            segments.append(instance[1:])
            scores.append(score)
    except MalformedError as reason:
        raise MalformedError(f"prediction {len(scores)}: {reason}") from None
    return Detections(
        segments=torch.tensor(segments, dtype=torch.float64).reshape(-1, 2),
        scores=torch.tensor(scores, dtype=torch.float64),
        labels=torch.tensor(labels, dtype=torch.int64),
    )


def _parse_entry(entry: object, categories: Collection[str] | None) -> tuple[Instance, float]:
    """Return the classified segment and the score of one prediction."""
    instance = parse_instance(entry, categories)
    if instance.end_sec <= instance.start_sec:
        raise MalformedError(f"segment end {instance.end_sec} is not after its start {instance.start_sec}")
    score = entry.get("score") if isinstance(entry, dict) else None
    return instance, finite_number(score, '"score"')
