"""Suppression of repeated detections: hard and soft NMS, and segments refined by a vote."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.models.base import Suppression
from aher_lightning.ops.nms import batched_nms
from aher_lightning.ops.soft_nms import batched_soft_nms, gaussian_decay, linear_decay
from aher_lightning.ops.voting import vote_segments
from aher_lightning.structures import Survivors


class HardNMS(Suppression):
    """Non-maximum suppression: drop what a better segment overlaps by more than the threshold.

    Args:
        threshold: Largest tIoU that two survivors may have.
        class_agnostic: Whether segments of different categories suppress one another.
    """

    def __init__(self, threshold: float = 0.9, *, class_agnostic: bool = True) -> None:
        self.threshold = threshold
        self.class_agnostic = class_agnostic

    def __call__(self, segments: Tensor, scores: Tensor, labels: Tensor, max_keep: int) -> Survivors:
        """Return the survivors; see :meth:`Suppression.__call__`."""
        compared = None if self.class_agnostic else labels
        indices = batched_nms(segments, scores, self.threshold, labels=compared, max_keep=max_keep)
        return Survivors(indices, gather_rows(segments, indices), gather_rows(scores, indices))


class SoftNMS(Suppression):
    """Soft non-maximum suppression: what overlaps a better segment loses score instead of being dropped.

    Implements "Soft-NMS: Improving Object Detection With One Line of Code" (Bodla et al., ICCV 2017),
    arXiv:1704.04503.

    Args:
        method: Whether scores fall by a Gaussian of the tIoU, or linearly above a threshold.
        sigma: Of the Gaussian; small values suppress more.
        threshold: Of the linear method, largest tIoU that costs nothing.
        class_agnostic: Whether segments of different categories suppress one another.

    Raises:
        ConfigError: If sigma is not positive, or the threshold outside ``[0, 1]``.
    """

    def __init__(
        self,
        method: Literal["gaussian", "linear"] = "gaussian",
        *,
        sigma: float = 0.3,
        threshold: float = 0.3,
        class_agnostic: bool = True,
    ) -> None:
        try:
            self.decay = gaussian_decay(sigma) if method == "gaussian" else linear_decay(threshold)
        except ValueError as error:
            raise ConfigError(f"'suppression': {error}") from error
        self.class_agnostic = class_agnostic

    def __call__(self, segments: Tensor, scores: Tensor, labels: Tensor, max_keep: int) -> Survivors:
        """Return the survivors; see :meth:`Suppression.__call__`."""
        compared = None if self.class_agnostic else labels
        kept = batched_soft_nms(segments, scores, self.decay, labels=compared, max_keep=max_keep)
        return Survivors(kept.indices, gather_rows(segments, kept.indices), kept.scores)


class SegmentVoting(Suppression):
    """Another suppression, whose survivors move to the mean of the segments that overlap them.

    Each candidate that overlaps a survivor by at least the threshold, itself included, counts by its score times the
    tIoU. Scores and order are those of the other suppression.

    Args:
        suppression: Chooses the survivors; soft-NMS if not given.
        threshold: Smallest tIoU of a candidate that votes.

    Raises:
        ConfigError: If the threshold does not lie above 0 and at most at 1.
    """

    def __init__(self, suppression: Suppression | None = None, threshold: float = 0.6) -> None:
        if not 0 < threshold <= 1:
            raise ConfigError(f"'suppression.threshold' of a vote is {threshold}; give more than 0 and at most 1")
        self.suppression = suppression or SoftNMS()
        self.threshold = threshold
        self.class_agnostic = self.suppression.class_agnostic

    def __call__(self, segments: Tensor, scores: Tensor, labels: Tensor, max_keep: int) -> Survivors:
        """Return the survivors; see :meth:`Suppression.__call__`."""
        kept = self.suppression(segments, scores, labels, max_keep)
        compared = None if self.class_agnostic else (gather_rows(labels, kept.indices), labels)
        return kept._replace(segments=vote_segments(kept.segments, segments, scores, self.threshold, labels=compared))


def gather_rows(values: Tensor, indices: Tensor) -> Tensor:
    """Return the values of survivors.

    Args:
        values: Values of all candidates, shape ``(B, A, ...)``.
        indices: Of the survivors, int64 ``(B, M)``; -1 marks padding.

    Returns:
        Values, shape ``(B, M, ...)``; those of the first candidate at padding.
    """
    return values[torch.arange(len(indices), device=indices.device).unsqueeze(1), indices.clamp(min=0)]
