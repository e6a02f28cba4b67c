"""Temporal mean average precision as a metric that collects over batches and processes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from aher_lightning.metrics.functional.temporal_map import average_precisions
from aher_lightning.metrics.functional.thresholds import check_thresholds
from aher_lightning.metrics.per_video import PerVideoMetric


class TemporalMeanAveragePrecision(PerVideoMetric):
    """Mean average precision over categories, at each tIoU threshold and averaged over them.

    See :func:`aher_lightning.metrics.functional.temporal_map.average_precisions` for the rules.

    Args:
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` stands for 0.5:0.05:0.95.

    Raises:
        ValueError: If the thresholds cannot be used.

    Example:
        >>> import torch
        >>> from aher_lightning.structures import Detections
        >>> wave = Detections(torch.tensor([[1.0, 4.0]]), torch.tensor([0.9]), torch.tensor([0]))
        >>> metric = TemporalMeanAveragePrecision()
        >>> metric.update([wave], [wave], [0])
        >>> metric.compute()["mAP"]
        tensor(1., dtype=torch.float64)
    """

    def __init__(self, thresholds: Sequence[float] | None = None) -> None:
        super().__init__()
        self.thresholds = check_thresholds(thresholds)

    def compute(self) -> dict[str, Tensor]:
        """Return ``mAP@0.50`` and so on for each threshold, and their average ``mAP``.

        Returns:
            Scalars in ``[0, 1]``, float64; nan without ground truth.
        """
        tables = self.tables()
        return self.scalars(average_precisions(tables.predictions, tables.ground_truth, self.thresholds).named())
