"""Random videos with detections and instances: ties, duplicates, absent categories, videos without either."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from aher_lightning.metrics.functional.segment_table import table_from_detections, without_copies
from aher_lightning.structures import Detections
from tests.helpers.metric_reference import Prediction, Truth


class MetricCase(NamedTuple):
    predictions: list[Detections]
    targets: list[Detections]

    @property
    def num_videos(self) -> int:
        return len(self.targets)

    def reference_predictions(self) -> list[Prediction]:
        return [
            Prediction(video, label, score, (segment[0], segment[1]))
            for video, one in enumerate(self.predictions)
            for label, score, segment in zip(*_lists(one), strict=True)
        ]

    def reference_truths(self) -> list[Truth]:
        return [
            Truth(video, label, (segment[0], segment[1]))
            for video, one in enumerate(self.targets)
            for label, _, segment in zip(*_lists(one), strict=True)
        ]


def random_case(seed: int, *, num_videos: int = 12, num_labels: int = 4) -> MetricCase:
    """Return videos of 100 s with up to 5 instances and up to 20 detections; every fourth is left without either."""
    random = np.random.default_rng(seed)
    predictions, targets = [], []
    for video in range(num_videos):
        num_instances = 0 if video % 4 == 3 else int(random.integers(1, 6))
        starts = random.integers(0, 16, num_instances) * 5.0
        segments = np.stack([starts, starts + random.integers(1, 6, num_instances) * 4.0], axis=1)
        labels = random.integers(0, num_labels, num_instances)
        targets.append(detections(segments, np.ones(num_instances), labels))
        num_found = 0 if video % 4 == 2 else int(random.integers(5, 21))
        if num_instances:
            source = random.integers(0, num_instances, num_found)
            near, near_labels = segments[source] + random.normal(0, 0.8, (num_found, 2)), labels[source]
        else:
            near = np.array([10.0, 40.0]) + random.normal(0, 0.8, (num_found, 2))
            near_labels = np.zeros(num_found, dtype=np.int64)
        # Some exact copies, and some that take part for a category without any instance.
        near = np.where(random.random((num_found, 1)) < 0.3, near.round(), near)
        near_labels = np.where(random.random(num_found) < 0.2, num_labels, near_labels)
        near[:, 1] = np.maximum(near[:, 1], near[:, 0] + 0.5)
        predictions.append(detections(near, random.integers(1, 11, num_found) / 10, near_labels))
    return MetricCase(predictions, targets)


def detections(segments: object, scores: object, labels: object) -> Detections:
    """Return a record from anything that NumPy understands."""
    return Detections(
        torch.from_numpy(np.array(segments, dtype=np.float64).reshape(-1, 2)),
        torch.from_numpy(np.array(scores, dtype=np.float64).reshape(-1)),
        torch.from_numpy(np.array(labels, dtype=np.int64).reshape(-1)),
    )


def _lists(one: Detections) -> tuple[list[int], list[float], list[list[float]]]:
    """Return labels, scores and segments as lists."""
    return one.labels.tolist(), one.scores.tolist(), one.segments.tolist()


def once(found: Detections) -> Detections:
    """Return each segment of a video once, as AR@AN counts them."""
    table = without_copies(table_from_detections([found], [0]))
    return Detections(*(torch.from_numpy(field) for field in (table.segments, table.scores, table.labels)))
