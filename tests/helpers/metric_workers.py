"""What the processes of the distributed metric tests run; importable by name, as starting a process needs it."""

from __future__ import annotations

from collections.abc import Callable

from aher_lightning.metrics.detection_scores import DetectionScores
from aher_lightning.metrics.per_video import PerVideoMetric
from aher_lightning.metrics.proposal_recall import ProposalRecall
from aher_lightning.metrics.temporal_map import TemporalMeanAveragePrecision
from tests.helpers.metric_cases import random_case

ALL_METRICS: dict[str, Callable[[], PerVideoMetric]] = {
    "map": TemporalMeanAveragePrecision,
    "recall": ProposalRecall,
    "scores": lambda: DetectionScores({"even": (0, 2), "odd": (1, 3)}),
}


def compute_all(rank: int, cases: list[list[list[int]]]) -> list[list[dict[str, float]]]:
    """Return the values of :func:`compute_share` for each way of sharing."""
    return [compute_share(rank, shares) for shares in cases]


def compute_share(rank: int, shares: list[list[int]]) -> list[dict[str, float]]:
    """Return the values of all metrics after this rank has seen its share of the videos, twice in a row."""
    case = random_case(0)
    values = []
    for make in ALL_METRICS.values():
        metric = make()
        for video in shares[rank]:
            metric.update([case.predictions[video]], [case.targets[video]], [video])
        values.append({key: float(value) for key, value in metric.compute().items()})
        # Going on after a result must start from this rank's own videos again, not from the gathered ones.
        metric.update([], [], [])
        values.append({key: float(value) for key, value in metric.compute().items()})
    return values
