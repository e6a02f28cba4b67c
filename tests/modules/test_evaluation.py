from __future__ import annotations

import pytest
import torch

from aher_lightning.metrics.proposal_recall import ProposalRecall
from aher_lightning.metrics.temporal_map import TemporalMeanAveragePrecision
from aher_lightning.modules.evaluation import DetectionMetrics, ground_truth
from aher_lightning.structures import UntrimmedBatch
from tests.helpers.metric_cases import detections, random_case
from tests.helpers.training import pixels, untrimmed_batch

SEGMENTS = [[[1.0, 3.0], [0.0, 0.0]], [[2.0, 4.0], [5.0, 9.0]]]
LABELS = [[0, -1], [1, 0]]


def batch() -> UntrimmedBatch:
    return untrimmed_batch(pixels(1, 1), SEGMENTS, LABELS)


def test_padding_is_no_ground_truth() -> None:
    truth = ground_truth(torch.tensor(SEGMENTS[0]), torch.tensor(LABELS[0]))
    assert truth.segments.tolist() == [[1.0, 3.0]]
    assert truth.scores.tolist() == [1.0]
    assert truth.labels.tolist() == [0]


def test_perfect_detections_score_one() -> None:
    metrics = DetectionMetrics("val")
    found = [detections(SEGMENTS[0][:1], [0.9], [0]), detections(SEGMENTS[1], [0.9, 0.8], [1, 0])]
    metrics.update(found, batch())
    values = metrics.compute()
    assert values["val/mAP"] == values["val/mAP@0.50"] == values["val/mAP@0.95"] == 1
    assert values["val/AR@10"] == 1
    assert all(key.startswith("val/") for key in values)


def test_a_reset_forgets_everything() -> None:
    metrics = DetectionMetrics("test")
    nothing = [detections([], [], []), detections([], [], [])]
    metrics.update(nothing, batch())
    assert metrics.compute()["test/mAP"] == 0
    metrics.reset()
    metrics.update([detections(SEGMENTS[0][:1], [0.9], [0]), detections(SEGMENTS[1], [0.9, 0.8], [1, 0])], batch())
    assert metrics.compute()["test/mAP"] == 1


@pytest.mark.parametrize("seed", range(2))
def test_equals_the_two_metrics(seed: int) -> None:
    case = random_case(seed)
    metrics, precision, recall = DetectionMetrics("val"), TemporalMeanAveragePrecision(), ProposalRecall()
    for video, (found, target) in enumerate(zip(case.predictions, case.targets, strict=True)):
        row = untrimmed_batch(pixels(1), [target.segments.tolist()], [target.labels.tolist()])
        metrics.update([found], row._replace(positions=torch.tensor([video])))
        precision.update([found], [target], [video])
        recall.update([found], [target], [video])
    expected = {f"val/{key}": value for key, value in {**precision.compute(), **recall.compute()}.items()}
    assert metrics.compute() == expected
