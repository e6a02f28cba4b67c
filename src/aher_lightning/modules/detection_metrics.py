"""Detection metrics of a module: the scores of whatever it detects, under the keys of its log."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchmetrics import SumMetric

from aher_lightning.metrics.detection_scores import DetectionScores
from aher_lightning.structures import Categories, Detections, UntrimmedBatch


class DetectionMetrics(nn.Module):
    """The scores of a split: everything together, both oracles, and each category set if both are evaluated.

    Besides, it counts the videos: some may be missing or broken, and scores of a part of a data set do not compare
    with those of the whole.

    Args:
        prefix: First part of every key, such as ``"val"``.
        categories: What the labels of detections and ground truth mean.
    """

    def __init__(self, prefix: str, categories: Categories) -> None:
        super().__init__()
        self.prefix = prefix
        self.num_videos = SumMetric()
        self.scores = DetectionScores({str(name): labels for name, labels in categories.groups.items()})

    def update(self, detections: Sequence[Detections], batch: UntrimmedBatch) -> None:
        """Add the detections of a batch.

        Args:
            detections: One entry per video, in seconds.
            batch: The videos and their ground truth.
        """
        targets = [ground_truth(batch.segments_sec[row], batch.labels[row]) for row in range(len(batch.video_ids))]
        self.scores.update(detections, targets, batch.positions.tolist())
        self.num_videos.update(len(batch.video_ids))

    def count_videos_over_processes(self) -> int:
        """Return how many videos were added, over all processes."""
        # A process without any video still takes part in the sum.
        self.num_videos.update(0)
        return round(float(self.num_videos.compute()))

    def compute(self) -> dict[str, Tensor]:
        """Return all values by log key, such as ``val/mAP@0.50``, ``val/AUC`` and ``val/oracle_labels/mAP``."""
        return {f"{self.prefix}/{key}": value for key, value in self.scores.compute().items()}

    def reset(self) -> None:
        """Forget everything."""
        self.num_videos.reset()
        self.scores.reset()


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
