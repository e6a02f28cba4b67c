"""Ground truth and predictions as the flat tables that metrics work on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aher_lightning.errors import PredictionError
from aher_lightning.evaluation.ground_truth import GroundTruth
from aher_lightning.evaluation.protocol import Protocol
from aher_lightning.metrics.functional.segment_table import SegmentTable, table_from_detections
from aher_lightning.reports.predictions.reader import Predictions

ANY_CATEGORY = "any category"
"""Name of the single category of a class-agnostic evaluation."""


class EvaluationTables(NamedTuple):
    """Predictions and ground truth of an evaluation.

    Attributes:
        found: Predictions.
        truth: Instances. Videos of the ground truth are numbered from 0 in their order, others follow.
        num_videos: Videos of the ground truth.
        categories: Names of the labels.
        scored: Labels whose predictions are scored.
        groups: Labels by group.
    """

    found: SegmentTable
    truth: SegmentTable
    num_videos: int
    categories: list[str]
    scored: frozenset[int]
    groups: dict[str, list[int]]

    @property
    def both(self) -> tuple[SegmentTable, SegmentTable]:
        """Predictions and instances."""
        return self.found, self.truth

    @property
    def num_unknown_videos(self) -> int:
        """Videos with predictions but without ground truth."""
        return len(np.unique(self.found.videos[self.found.videos >= self.num_videos]))

    def scored_only(self) -> EvaluationTables:
        """Return the tables without predictions of categories that are not scored."""
        return self._replace(found=self.found.rows(np.isin(self.found.labels, list(self.scored))))


def evaluation_tables(ground_truth: GroundTruth, predictions: Predictions, protocol: Protocol) -> EvaluationTables:
    """Return the tables of a protocol: without excluded videos, and with a single category if it is class-agnostic.

    Args:
        ground_truth: Ground truth.
        predictions: Detections.
        protocol: Scoring rules.

    Returns:
        Tables that still contain predictions of categories that are not scored.

    Raises:
        PredictionError: If there are predictions, but none for any video of the ground truth.
    """
    detections = {name: one for name, one in predictions.detections.items() if name not in ground_truth.excluded_videos}
    _check_videos_are_known(ground_truth, predictions)
    numbers = {name: number for number, name in enumerate(dict.fromkeys([*ground_truth.videos, *detections]))}
    indices = {name: index for index, name in enumerate(predictions.categories)}
    found = table_from_detections(list(detections.values()), [numbers[name] for name in detections])
    targets = [video.as_targets(indices) for video in ground_truth.videos.values()]
    truth = table_from_detections(targets, [numbers[name] for name in ground_truth.videos])
    groups = {name: [indices[one] for one in names] for name, names in ground_truth.groups.items()}
    scored = [label for labels in groups.values() for label in labels] if groups else indices.values()
    excluded = {indices[name] for name in protocol.excluded_categories if name in indices}
    tables = EvaluationTables(
        found, truth, len(ground_truth.videos), predictions.categories, frozenset(scored) - excluded, groups
    )
    return _as_one_category(tables) if protocol.class_agnostic else tables


def _check_videos_are_known(ground_truth: GroundTruth, predictions: Predictions) -> None:
    """Refuse predictions none of which is for a video of the ground truth: ids must be spelt differently."""
    names = [name for name, found in predictions.detections.items() if len(found.scores)]
    if names and not any(name in ground_truth.videos or name in ground_truth.excluded_videos for name in names):
        example = next(iter(ground_truth.videos))
        raise PredictionError(
            f"none of the {len(names)} predicted videos is in the ground truth: annotated ids look like "
            f"{example!r:.80}, predicted ids like {names[0]!r:.80}; give the annotations and the subset of these videos"
        )


def _as_one_category(tables: EvaluationTables) -> EvaluationTables:
    """Return tables of a single category, made of all scored ones."""
    kept = tables.scored_only()
    found, truth = (one._replace(labels=np.zeros_like(one.labels)) for one in kept.both)
    return EvaluationTables(found, truth, tables.num_videos, [ANY_CATEGORY], frozenset([0]), {})
