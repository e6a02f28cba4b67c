"""Predictions and instances for tests of the diagnosis: written as rows, or at random with every type of error."""

from __future__ import annotations

import numpy as np

from aher_lightning.metrics.functional.segment_table import SegmentTable, table_from_detections
from tests.helpers.metric_cases import MetricCase, detections, random_case


def table(*rows: tuple[int, float, float, float, int]) -> SegmentTable:
    """Return predictions of (video, start, end, score, label)."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return SegmentTable(columns[0].astype(np.int64), columns[1:3].T, columns[3], columns[4].astype(np.int64))


def instances(*rows: tuple[int, float, float, int]) -> SegmentTable:
    """Return ground truth of (video, start, end, label)."""
    return table(*((video, start, end, 1.0, label) for video, start, end, label in rows))


def mistaken_case(seed: int) -> MetricCase:
    """Return a random case with more wrong labels and more segments off the mark."""
    case = random_case(seed, num_videos=16)
    random = np.random.default_rng(seed)
    predictions = []
    for one in case.predictions:
        num_found = len(one.scores)
        labels = np.where(random.random(num_found) < 0.3, random.integers(0, 4, num_found), one.labels.numpy())
        shifts = np.where(random.random((num_found, 1)) < 0.3, random.normal(0, 10, (num_found, 1)), 0.0)
        predictions.append(detections(one.segments.numpy() + shifts, one.scores.numpy(), labels))
    return MetricCase(predictions, case.targets)


def tables(case: MetricCase) -> tuple[SegmentTable, SegmentTable]:
    """Return predictions and instances, numbered as in the reference."""
    videos = list(range(case.num_videos))
    return table_from_detections(case.predictions, videos), table_from_detections(case.targets, videos)
