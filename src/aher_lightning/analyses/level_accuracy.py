"""Classification accuracy of the proposals of each pyramid level under two classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.ops.segments import temporal_iou

_NOT_COUNTED = -1
"""Category of a proposal that overlaps no instance enough."""


class LevelAccuracy(NamedTuple):
    """One group of bars of figure 4; the fields are the columns of its table.

    Attributes:
        level: Pyramid level, from 1, the finest.
        cells: Cells of the level.
        proposals: Number of counted proposals of the level.
        accuracy_ahernet: Accuracy of AherNet's anchor-level classifier on them; ``None`` without proposals.
        accuracy_ahernet_minus: Accuracy of the classifier of moments.
    """

    level: int
    cells: int
    proposals: int
    accuracy_ahernet: float | None
    accuracy_ahernet_minus: float | None


def true_categories(proposals: Tensor, segments: Tensor, labels: Tensor, min_tiou: float) -> Tensor:
    """Return the category of the instance that each proposal overlaps most.

    Of several instances with the same overlap the first one counts. A proposal without length has no category.

    Args:
        proposals: ``(start, end)``, shape ``(B, A, 2)``.
        segments: Ground truth ``(start, end)`` in the same unit, shape ``(B, G, 2)``; G may be 0.
        labels: Its categories, int64 ``(B, G)``; -1 marks padding.
        min_tiou: Smallest tIoU with the instance, above 0.

    Returns:
        Categories, int64 ``(B, A)``; -1 where no instance is overlapped enough.

    Raises:
        ValueError: If the smallest tIoU is not in ``(0, 1]``.

    Example:
        >>> proposals = torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])
        >>> true_categories(proposals, torch.tensor([[[0.0, 0.8]]]), torch.tensor([[5]]), 0.5)
        tensor([[ 5, -1]])
    """
    if not 0 < min_tiou <= 1:
        raise ValueError(f"the smallest tIoU must be in (0, 1], got {min_tiou}")
    if segments.shape[1] == 0:
        return torch.full(proposals.shape[:2], _NOT_COUNTED, device=proposals.device)
    overlaps, closest = (temporal_iou(proposals, segments) * (labels >= 0).unsqueeze(1)).max(dim=-1)
    return labels.gather(1, closest).masked_fill(overlaps < min_tiou, _NOT_COUNTED)


def count_per_level(true: Tensor, predicted: Sequence[Tensor], anchors_per_level: Sequence[int]) -> Tensor:
    """Count the proposals of each level, and those that each classifier labels right.

    Args:
        true: Categories, int64 ``(B, A)``; -1 is not counted.
        predicted: What S classifiers say, int64 ``(B, A)`` each.
        anchors_per_level: Anchors of the L levels, in order; they sum to A.

    Returns:
        Counts, int64 ``(1 + S, L)``: all proposals first, then the right ones of each classifier.

    Example:
        >>> count_per_level(torch.tensor([[0, 1, -1]]), [torch.tensor([[0, 0, 0]])], [2, 1])
        tensor([[2, 0],
                [1, 0]])
    """
    is_counted = true != _NOT_COUNTED
    masks = torch.stack([is_counted, *(is_counted & (labels == true) for labels in predicted)])  # (1 + S, B, A)
    parts = masks.split_with_sizes(list(anchors_per_level), dim=-1)
    return torch.stack([part.sum(dim=(1, 2)) for part in parts], dim=1)


def level_accuracies(counts: Tensor, cells_per_level: Sequence[int]) -> list[LevelAccuracy]:
    """Return the table of figure 4, one row per level.

    Args:
        counts: Proposals, those that AherNet labels right and those that AherNet- does, int64 ``(3, L)``.
        cells_per_level: Cells of the L levels.
    """
    rows = enumerate(zip(cells_per_level, *counts.tolist(), strict=True), start=1)
    return [
        LevelAccuracy(level, cells, total, _accuracy(right, total), _accuracy(right_minus, total))
        for level, (cells, total, right, right_minus) in rows
    ]


def _accuracy(right: int, total: int) -> float | None:
    """Return the accuracy; ``None`` without proposals."""
    return right / total if total else None
