"""Temporal mean average precision as a metric that collects over batches and processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from aher_lightning.metrics.functional.temporal_map import average_precisions
from aher_lightning.metrics.per_video import PerVideoMetric
from aher_lightning.metrics.plotting import Plot, Scores, draw_curves
from aher_lightning.ops.thresholds import check_thresholds, threshold_name


class TemporalMeanAveragePrecision(PerVideoMetric):
    """Mean average precision over categories, at each tIoU threshold and averaged over them.

    See :func:`aher_lightning.metrics.functional.temporal_map.average_precisions` for the rules.

    Args:
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` for 0.5:0.05:0.95.
        class_agnostic: Treat all categories as one: labels are ignored.
        **kwargs: See :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If the thresholds are invalid.

    Example:
        >>> import torch
        >>> from aher_lightning.structures import Detections
        >>> wave = Detections(torch.tensor([[1.0, 4.0]]), torch.tensor([0.9]), torch.tensor([0]))
        >>> metric = TemporalMeanAveragePrecision()
        >>> metric.update([wave], [wave], [0])
        >>> metric.compute()["mAP"]
        tensor(1., dtype=torch.float64)
    """

    def __init__(
        self, thresholds: Sequence[float] | None = None, *, class_agnostic: bool = False, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.thresholds = check_thresholds(thresholds)
        self.class_agnostic = class_agnostic

    def compute(self) -> dict[str, Tensor]:
        """Return ``mAP@0.50`` and so on, and their mean ``mAP``: float64 in ``[0, 1]``, nan without ground truth."""
        found, truth, _ = self.tables()
        if self.class_agnostic:
            found, truth = (table._replace(labels=np.zeros_like(table.labels)) for table in (found, truth))
        return self.scalars(average_precisions(found, truth, self.thresholds).named())

    def _draw(self, values: Scores | Sequence[Scores], axes: Axes | None) -> Plot:
        """Draw mAP against tIoU."""
        names = [f"mAP@{threshold_name(threshold)}" for threshold in self.thresholds]
        plot = draw_curves(self.thresholds, names, values, axes, summary="mAP")
        plot.axes.set(xlabel="tIoU", ylabel="mAP (all labels as one)" if self.class_agnostic else "mAP")
        return plot
