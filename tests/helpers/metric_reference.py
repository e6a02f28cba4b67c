"""An independent scorer in plain Python, one detection at a time, to test the vectorized metrics against.

It follows the rules of the official ActivityNet evaluators; detections of equal score rank in the order given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Prediction(NamedTuple):
    video: int
    label: int
    score: float
    segment: tuple[float, float]


class Truth(NamedTuple):
    video: int
    label: int
    segment: tuple[float, float]


def overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """tIoU of two segments."""
    intersection = max(min(a[1], b[1]) - max(a[0], b[0]), 0.0)
    union = (a[1] - a[0]) + (b[1] - b[0]) - intersection
    return intersection / union if union > 0 else 0.0


def average_precision(predictions: Sequence[Prediction], truths: Sequence[Truth], threshold: float) -> float:
    """Interpolated average precision of one category."""
    ranked = sorted(predictions, key=lambda prediction: -prediction.score)
    taken: set[int] = set()
    precisions, recalls = [], []
    for visited, prediction in enumerate(ranked, start=1):
        best, best_overlap = None, threshold
        for number, truth in enumerate(truths):
            if truth.video != prediction.video or number in taken:
                continue
            value = overlap(prediction.segment, truth.segment)
            if value > best_overlap or (best is None and value == best_overlap):
                best, best_overlap = number, value
        if best is not None:
            taken.add(best)
        precisions.append(len(taken) / visited)
        recalls.append(len(taken) / len(truths))
    area, last_recall = 0.0, 0.0
    for position, recall in enumerate(recalls):
        area += (recall - last_recall) * max(precisions[position:])
        last_recall = recall
    return area


def mean_average_precision(predictions: Sequence[Prediction], truths: Sequence[Truth], threshold: float) -> float:
    """Mean over the categories that have an instance."""
    labels = sorted({truth.label for truth in truths})
    values = [
        average_precision(
            [prediction for prediction in predictions if prediction.label == label],
            [truth for truth in truths if truth.label == label],
            threshold,
        )
        for label in labels
    ]
    return sum(values) / len(values)


def average_recalls(
    predictions: Sequence[Prediction], truths: Sequence[Truth], thresholds: Sequence[float]
) -> list[float]:
    """AR at an AN of 1 to 100."""
    videos = sorted({truth.video for truth in truths})
    budget = 100 * float(len(videos))
    kept: dict[int, list[Prediction]] = {}
    for video in videos:
        ranked = sorted((one for one in predictions if one.video == video), key=lambda one: -one.score)
        kept[video] = ranked[: min(int(len(ranked) * (budget / len(predictions))), len(ranked))]
    num_kept = sum(len(ranked) for ranked in kept.values())
    result = []
    for number in range(1, 101):
        fraction = number / 100.0 * (budget / num_kept)
        recalled = 0
        for truth in truths:
            ranked = kept[truth.video]
            best = [overlap(one.segment, truth.segment) for one in ranked[: int(len(ranked) * fraction)]]
            recalled += sum(any(value >= threshold for value in best) for threshold in thresholds)
        result.append(recalled / len(truths) / len(thresholds))
    return result
