"""Temporal mAP and AR@AN as torchmetrics classes over pure functions."""

from aher_lightning.metrics.detection_scores import DetectionScores
from aher_lightning.metrics.proposal_recall import ProposalRecall
from aher_lightning.metrics.temporal_map import TemporalMeanAveragePrecision

__all__ = ["DetectionScores", "ProposalRecall", "TemporalMeanAveragePrecision"]
