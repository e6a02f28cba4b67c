"""Detection metrics of a module: temporal mAP and AR@AN of whatever it detects."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aher_lightning.metrics.proposal_recall import ProposalRecall
from aher_lightning.metrics.temporal_map import TemporalMeanAveragePrecision
from aher_lightning.structures import Detections, UntrimmedBatch


class DetectionMetrics(nn.Module):
    """Temporal mAP and proposal recall, updated and computed together.

    Args:
        prefix: First part of every key, such as ``"val"``.
    """

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix
        self.mean_average_precision = TemporalMeanAveragePrecision()
        self.proposal_recall = ProposalRecall()

    def update(self, detections: Sequence[Detections], batch: UntrimmedBatch) -> None:
        """Add the detections of a batch.

        Args:
            detections: One entry per video, in seconds.
            batch: The videos and their ground truth.
        """
        targets = [ground_truth(batch.segments_sec[row], batch.labels[row]) for row in range(len(batch.video_ids))]
        places = batch.positions.tolist()
        self.mean_average_precision.update(detections, targets, places)
        self.proposal_recall.update(detections, targets, places)

    def compute(self) -> dict[str, Tensor]:
        """Return all values by log key, such as ``val/mAP@0.50``, ``val/mAP`` and ``val/AUC``."""
        values = {**self.mean_average_precision.compute(), **self.proposal_recall.compute()}
        return {f"{self.prefix}/{key}": value for key, value in values.items()}

    def reset(self) -> None:
        """Forget everything."""
        self.mean_average_precision.reset()
        self.proposal_recall.reset()


def ground_truth(segments_sec: Tensor, labels: Tensor) -> Detections:
    """Return the real instances of one padded row, as detections of score 1.

    Args:
        segments_sec: ``(start, end)`` in seconds, ``(G, 2)``.
        labels: Category indices, ``(G,)``; -1 marks padding.

    Returns:
        The instances.
    """
    real = labels >= 0
    return Detections(segments_sec[real], torch.ones(int(real.sum()), device=labels.device), labels[real])
