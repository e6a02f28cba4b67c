from __future__ import annotations

import pytest
import torch

from aher_lightning.metrics.detection_scores import DetectionScores
from aher_lightning.modules.detection_metrics import DetectionMetrics, ground_truth
from aher_lightning.structures import Categories, UntrimmedBatch
from tests.helpers.metric_cases import detections, random_case
from tests.helpers.training import pixels, untrimmed_batch

MOMENTS = Categories(["jump"], ["clap", "nod"])
BOTH = Categories(["jump"], ["clap", "nod"], "all")
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
    metrics = DetectionMetrics("val", MOMENTS)
    found = [detections(SEGMENTS[0][:1], [0.9], [0]), detections(SEGMENTS[1], [0.9, 0.8], [1, 0])]
    metrics.update(found, batch())
    values = metrics.compute()
    assert values["val/mAP"] == values["val/mAP@0.50"] == values["val/mAP@0.95"] == 1
    assert values["val/oracle_labels/mAP"] == values["val/oracle_segments/mAP"] == 1
    assert values["val/AR@10"] == 1
    assert all(key.startswith("val/") for key in values)


def test_oracles_tell_wrong_labels_from_wrong_segments() -> None:
    metrics = DetectionMetrics("val", MOMENTS)
    # Right segments of swapped categories.
    found = [detections(SEGMENTS[0][:1], [0.9], [1]), detections(SEGMENTS[1], [0.9, 0.8], [0, 1])]
    metrics.update(found, batch())
    values = metrics.compute()
    assert values["val/mAP"] == values["val/oracle_segments/mAP"] == 0
    assert values["val/oracle_labels/mAP"] == 1


def test_videos_are_counted() -> None:
    metrics = DetectionMetrics("val", MOMENTS)
    assert metrics.count_videos_over_processes() == 0
    nothing = detections([], [], [])
    for _ in range(2):
        metrics.update([nothing, nothing], batch())
    assert metrics.count_videos_over_processes() == 4
    metrics.reset()
    assert metrics.count_videos_over_processes() == 0


def test_a_reset_forgets_everything() -> None:
    metrics = DetectionMetrics("test", MOMENTS)
    nothing = [detections([], [], []), detections([], [], [])]
    metrics.update(nothing, batch())
    assert metrics.compute()["test/mAP"] == 0
    metrics.reset()
    metrics.update([detections(SEGMENTS[0][:1], [0.9], [0]), detections(SEGMENTS[1], [0.9, 0.8], [1, 0])], batch())
    assert metrics.compute()["test/mAP"] == 1


@pytest.mark.parametrize("categories", [MOMENTS, BOTH], ids=["moment", "all"])
def test_equals_the_collected_scores(categories: Categories) -> None:
    case = random_case(0)
    metrics = DetectionMetrics("val", categories)
    scores = DetectionScores({"untrimmed": range(1), "moment": range(1, 3)} if categories is BOTH else None)
    for video, (found, target) in enumerate(zip(case.predictions, case.targets, strict=True)):
        row = untrimmed_batch(pixels(1), [target.segments.tolist()], [target.labels.tolist()])
        metrics.update([found], row._replace(positions=torch.tensor([video])))
        scores.update([found], [target], [video])
    values = metrics.compute()
    assert values == {f"val/{key}": value for key, value in scores.compute().items()}
    assert ("val/untrimmed/mAP" in values) == ("val/harmonic/AUC" in values) == (categories is BOTH)


def test_detections_are_stored_once() -> None:
    metrics = DetectionMetrics("val", BOTH)
    nothing = detections([], [], [])
    metrics.update([nothing, nothing], batch())
    collectors = [module for module in metrics.modules() if hasattr(module, "prediction_scores")]
    assert collectors == [metrics.scores]
    assert metrics.scores.update_count == 1
