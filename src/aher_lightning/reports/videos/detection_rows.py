"""One detection as every file of detections has it: category name, score, start and end."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.files.json_files import MalformedError
from aher_lightning.ops.nms import nms
from aher_lightning.structures import Detections

_NOT_FINITE = "segment or score is not finite"
_NOT_ASCENDING = "segment does not end after its start"

_BREAKING = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories of line breaks, control characters and what cannot be encoded."""


class DetectionRow(NamedTuple):
    """One detection of a video.

    Attributes:
        label: Category name.
        score: Confidence.
        start_sec: Start in seconds.
        end_sec: End in seconds.
    """

    label: str
    score: float
    start_sec: float
    end_sec: float


def detection_rows(found: Detections, categories: Sequence[str]) -> list[DetectionRow]:
    """Return the detections of a video as rows, in their order and without rounding.

    Args:
        found: Detections in seconds; N may be 0.
        categories: Names that the labels index.

    Returns:
        One row per detection.

    Raises:
        MalformedError: If shapes do not fit, a number is not finite, a segment does not end after its start, or a
            label has no name; the message names the row, from 0.

    Example:
        >>> found = Detections(torch.tensor([[1.5, 4.0]]), torch.tensor([0.75]), torch.tensor([0]))
        >>> detection_rows(found, ["wave"])
        [DetectionRow(label='wave', score=0.75, start_sec=1.5, end_sec=4.0)]
    """
    segments, scores = found.segments.detach().double().cpu(), found.scores.detach().double().cpu()
    labels = found.labels.detach().cpu()
    if segments.shape != (len(scores), 2) or labels.shape != scores.shape:
        shapes = f"{tuple(segments.shape)}, {tuple(scores.shape)}, {tuple(labels.shape)}"
        raise MalformedError(f"segments, scores and labels have shapes {shapes}; expected (N, 2), (N,), (N,)")
    _refuse(~segments.isfinite().all(dim=1) | ~scores.isfinite(), _NOT_FINITE)
    _refuse(segments[:, 1] <= segments[:, 0], _NOT_ASCENDING)
    _refuse((labels < 0) | (labels >= len(categories)), f"label is not among the {len(categories)} categories")
    rows = zip(labels.tolist(), scores.tolist(), segments.tolist(), strict=True)
    return [DetectionRow(categories[label], score, *segment) for label, score, segment in rows]


def best_rows(rows: Sequence[DetectionRow], *, top_k: int, max_tiou: float = 1.0) -> list[DetectionRow]:
    """Return the best detections, best first.

    Localizers keep many detections of nearly the same segment. Of those that overlap by more than ``max_tiou`` only
    the best is kept, whatever their categories; equal scores keep their order.

    Args:
        rows: Detections of one video.
        top_k: Largest number to keep.
        max_tiou: Largest tIoU of two detections that are both kept; 1 keeps all.

    Example:
        >>> rows = [DetectionRow("nod", 0.2, 0.0, 4.0), DetectionRow("wave", 0.9, 0.5, 4.0)]
        >>> [row.label for row in best_rows(rows, top_k=2)], len(best_rows(rows, top_k=2, max_tiou=0.5))
        (['wave', 'nod'], 1)
    """
    best = sorted(rows, key=lambda row: -row.score)
    if max_tiou < 1 and best:
        segments = torch.tensor([[row.start_sec, row.end_sec] for row in best], dtype=torch.float64)
        scores = torch.tensor([row.score for row in best], dtype=torch.float64)
        best = [best[place] for place in nms(segments, scores, max_tiou).tolist()]
    return best[:top_k]


def check_rows(rows: Iterable[DetectionRow]) -> None:
    """Refuse rows that a text file cannot hold.

    Args:
        rows: Detections.

    Raises:
        MalformedError: If a number is not finite, a segment does not end after its start, or a label is empty, has
            spaces around it, or contains a line break, a control character or what cannot be encoded; the message names
            the row, from 0.
    """
    for number, row in enumerate(rows):
        if flaw := _find_flaw(row):
            raise MalformedError(f"prediction {number}: {flaw}")


def _find_flaw(row: DetectionRow) -> str:
    """Return what is wrong with a row; empty if it can be written."""
    if not all(math.isfinite(value) for value in row[1:]):
        return _NOT_FINITE
    if row.end_sec <= row.start_sec:
        return _NOT_ASCENDING
    if not _is_text(row.label):
        return f"label {row.label!r:.80} is empty, has spaces around it or contains a line break; rename the category"
    return ""


def _is_text(label: str) -> bool:
    """Whether a label survives on a line of a text file."""
    return bool(label) and label == label.strip() and not any(unicodedata.category(one) in _BREAKING for one in label)


def _refuse(is_wrong: Tensor, reason: str) -> None:
    """Raise if any entry of ``is_wrong``, shape ``(N,)``, is set, naming the first."""
    if bool(is_wrong.any()):
        raise MalformedError(f"prediction {int(is_wrong.int().argmax())}: {reason}")
