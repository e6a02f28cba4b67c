"""All scores of detections at once: mAP, AR@AN and AUC, groups of categories, oracles."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import get_args

from torch import Tensor

from aher_lightning.metrics.functional.groups import group_precisions, group_proposals, harmonic_mean
from aher_lightning.metrics.functional.oracle import Oracle, apply_oracle
from aher_lightning.metrics.functional.proposal_recall import proposal_recalls
from aher_lightning.metrics.functional.segment_table import SegmentTable, without_copies
from aher_lightning.metrics.functional.temporal_map import AveragePrecisions, average_precisions
from aher_lightning.metrics.per_video import PerVideoMetric

_GROUP_SCORES = ("mAP", "AUC")


class DetectionScores(PerVideoMetric):
    """Scores of :class:`TemporalMeanAveragePrecision` and :class:`ProposalRecall`, with oracles and groups.

    Everything is computed from one collection of the detections. tIoU thresholds are 0.5:0.05:0.95.

    Args:
        groups: Labels of each group of categories; two or more groups are also scored separately.
        **kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from aher_lightning.structures import Detections
        >>> wave = Detections(torch.tensor([[1.0, 4.0]]), torch.tensor([0.9]), torch.tensor([0]))
        >>> metric = DetectionScores()
        >>> metric.update([wave._replace(labels=torch.tensor([1]))], [wave], [0])
        >>> {key: float(value) for key, value in metric.compute().items() if key.endswith("mAP")}
        {'mAP': 0.0, 'oracle_labels/mAP': 1.0, 'oracle_segments/mAP': 0.0}
    """

    def __init__(self, groups: Mapping[str, Collection[int]] | None = None, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.groups = dict(groups or {})

    def compute(self) -> dict[str, Tensor]:
        """Return all scores by name.

        ``mAP@0.50`` and so on, ``mAP``, ``AR@1`` and so on and ``AUC`` over all categories, the last two without copies
        of a segment that differ in label; ``oracle_labels/mAP`` and
        ``oracle_segments/mAP``; with several groups ``<group>/mAP``, ``<group>/AUC``, ``harmonic/mAP`` and
        ``harmonic/AUC``.

        Returns:
            Scalars in ``[0, 1]``, float64; nan without ground truth.
        """
        found, truth, _ = self.tables()
        precisions = average_precisions(found, truth)
        values = {**precisions.named(), **proposal_recalls(without_copies(found), truth).named()}
        for oracle in get_args(Oracle):
            values[f"oracle_{oracle}/mAP"] = average_precisions(apply_oracle(oracle, found, truth), truth).average
        if len(self.groups) > 1:
            values |= self._group_values(found, truth, precisions)
        return self.scalars(values)

    def _group_values(
        self, found: SegmentTable, truth: SegmentTable, precisions: AveragePrecisions
    ) -> dict[str, float]:
        """Return the scores of each group, and their harmonic means."""
        values = {}
        for name, labels in self.groups.items():
            values[f"{name}/mAP"] = group_precisions(precisions, labels).average
            proposals = group_proposals(without_copies(found), truth, labels)
            values[f"{name}/AUC"] = proposal_recalls(*proposals).area_under_curve
        for score in _GROUP_SCORES:
            values[f"harmonic/{score}"] = harmonic_mean([values[f"{name}/{score}"] for name in self.groups])
        return values
