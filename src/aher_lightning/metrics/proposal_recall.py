"""AR@AN and AUC of proposals as a metric that collects over batches and processes."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from torch import Tensor

from aher_lightning.metrics.functional.proposal_recall import REPORTED_NUMBERS, proposal_recalls
from aher_lightning.metrics.per_video import PerVideoMetric
from aher_lightning.metrics.plotting import Plot, Scores, draw_curves
from aher_lightning.ops.thresholds import check_thresholds

_LARGEST_NUMBER = 100


class ProposalRecall(PerVideoMetric):
    """Average recall at some average numbers of proposals per video, and the area under the whole curve.

    See :func:`aher_lightning.metrics.functional.proposal_recall.proposal_recalls` for the rules.

    Args:
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` stands for 0.5:0.05:0.95.
        average_numbers: AN to report, each in 1 to 100.
        **kwargs: See :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If the thresholds or numbers cannot be used.

    Example:
        >>> import torch
        >>> from aher_lightning.structures import Detections
        >>> wave = Detections(torch.tensor([[1.0, 4.0]]), torch.tensor([0.9]), torch.tensor([0]))
        >>> metric = ProposalRecall(average_numbers=(1,))
        >>> metric.update([wave], [wave], [0])
        >>> metric.compute()["AR@1"]
        tensor(1., dtype=torch.float64)
    """

    def __init__(
        self,
        thresholds: Sequence[float] | None = None,
        *,
        average_numbers: Sequence[int] = REPORTED_NUMBERS,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.thresholds = check_thresholds(thresholds)
        self.average_numbers = tuple(average_numbers)
        if not all(1 <= number <= _LARGEST_NUMBER for number in self.average_numbers):
            raise ValueError(f"average numbers of proposals must be in 1 to 100; got {list(self.average_numbers)}")

    def compute(self) -> dict[str, Tensor]:
        """Return ``AR@1`` and so on, and ``AUC``; float64 scalars in ``[0, 1]``, nan without ground truth."""
        found, truth, _ = self.tables()
        result = proposal_recalls(found, truth, self.thresholds, max_average_number=_LARGEST_NUMBER)
        return self.scalars(result.named(self.average_numbers))

    def _draw(self, values: Scores | Sequence[Scores], axes: Axes | None) -> Plot:
        """Draw AR against AN, at the AN that are reported."""
        numbers = sorted(self.average_numbers)
        plot = draw_curves(numbers, [f"AR@{number}" for number in numbers], values, axes, summary="AUC")
        plot.axes.set(xlabel="average number of proposals per video (AN)", ylabel="average recall (AR)", xscale="log")
        plot.axes.set_xticks(numbers, [str(number) for number in numbers], minor=False)
        plot.axes.minorticks_off()
        return plot
