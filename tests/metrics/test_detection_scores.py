from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aher_lightning.metrics.detection_scores import DetectionScores
from aher_lightning.metrics.functional.oracle import with_true_labels, with_true_segments
from aher_lightning.metrics.functional.segment_table import table_from_detections
from aher_lightning.metrics.functional.temporal_map import average_precisions
from aher_lightning.metrics.proposal_recall import ProposalRecall
from aher_lightning.metrics.temporal_map import TemporalMeanAveragePrecision
from aher_lightning.structures import Detections
from tests.helpers.metric_cases import MetricCase, once, random_case

GROUPS = {"untrimmed": range(2), "moment": range(2, 4)}


def collect(case: MetricCase, batches: list[list[int]], groups: dict[str, range] | None = None) -> dict[str, float]:
    metric = DetectionScores(groups)
    for batch in batches:
        metric.update([case.predictions[video] for video in batch], [case.targets[video] for video in batch], batch)
    return {key: float(value) for key, value in metric.compute().items()}


def together(case: MetricCase, groups: dict[str, range] | None = None) -> dict[str, float]:
    return collect(case, [list(range(case.num_videos))], groups)


@pytest.fixture(params=range(3))
def case(request: pytest.FixtureRequest) -> MetricCase:
    return random_case(request.param)


def test_labels_of_a_segment_are_one_proposal() -> None:
    segments = torch.tensor([[0.0, 4.0], [0.0, 4.0], [5.0, 9.0]])
    found = Detections(segments, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([1, 0, 0]))
    truth = Detections(segments[1:], torch.ones(2), torch.zeros(2, dtype=torch.int64))
    metric, plain = DetectionScores(), DetectionScores()
    metric.update([found], [truth], [0])
    plain.update([Detections(*(field[[0, 2]] for field in found))], [truth], [0])
    values, others = metric.compute(), plain.compute()
    assert values["AUC"] == others["AUC"]
    assert values["oracle_labels/mAP"] == others["oracle_labels/mAP"] == 1
    assert values["mAP"] > others["mAP"]


def test_equals_the_single_metrics_and_the_functions(case: MetricCase) -> None:
    values, videos = together(case), list(range(case.num_videos))
    single: dict[str, float] = {}
    precisions, recalls = TemporalMeanAveragePrecision(), ProposalRecall()
    precisions.update(case.predictions, case.targets, videos)
    recalls.update([once(one) for one in case.predictions], case.targets, videos)
    for metric in (precisions, recalls):
        single |= {key: float(value) for key, value in metric.compute().items()}
    found, truth = table_from_detections(case.predictions, videos), table_from_detections(case.targets, videos)
    oracles = {
        "oracle_labels/mAP": average_precisions(with_true_labels(found, truth), truth).average,
        "oracle_segments/mAP": average_precisions(with_true_segments(found, truth), truth).average,
    }
    assert values == {**single, **oracles}
    assert all(0 < value < 1 for value in oracles.values())


def test_groups_add_their_scores_and_change_no_other(case: MetricCase) -> None:
    values = together(case, GROUPS)
    plain = together(case)
    assert {key: values[key] for key in plain} == plain
    added = [f"{name}/{score}" for name in (*GROUPS, "harmonic") for score in ("mAP", "AUC")]
    assert sorted(values) == sorted([*plain, *added])
    for score in ("mAP", "AUC"):
        a, b = values[f"untrimmed/{score}"], values[f"moment/{score}"]
        assert values[f"harmonic/{score}"] == pytest.approx(2 * a * b / (a + b))
    # Both groups have two categories, so that they weigh the same.
    assert values["mAP"] == pytest.approx((values["untrimmed/mAP"] + values["moment/mAP"]) / 2)


def test_the_recall_of_a_group_equals_that_of_its_videos_alone(case: MetricCase) -> None:
    values = together(case, GROUPS)
    for name, labels in GROUPS.items():
        alone = ProposalRecall()
        for video, (found, target) in enumerate(zip(case.predictions, case.targets, strict=True)):
            inside = (target.labels >= labels.start) & (target.labels < labels.stop)
            if inside.any():
                alone.update(
                    [once(found)], [target._replace(**{k: v[inside] for k, v in target._asdict().items()})], [video]
                )
        assert values[f"{name}/AUC"] == float(alone.compute()["AUC"])


def test_a_single_group_is_everything_and_not_repeated(case: MetricCase) -> None:
    assert together(case, {"moment": range(4)}) == together(case)


def test_neither_order_nor_batches_nor_repetition_matter(case: MetricCase) -> None:
    expected = together(case, GROUPS)
    order = np.random.default_rng(0).permutation(case.num_videos).tolist()
    assert collect(case, [[video] for video in order], GROUPS) == expected
    assert collect(case, [order[:8], [], order[4:]], GROUPS) == expected


def test_a_group_without_ground_truth_is_undefined(case: MetricCase) -> None:
    values = together(case, {"untrimmed": range(4), "moment": range(4, 9)})
    assert values["untrimmed/mAP"] == values["mAP"]
    assert all(math.isnan(values[key]) for key in ("moment/mAP", "moment/AUC", "harmonic/mAP", "harmonic/AUC"))


def test_plot_draws_bars_of_one_result_and_lines_of_several(case: MetricCase) -> None:
    metric = DetectionScores(GROUPS)
    results = [metric(case.predictions, case.targets, range(case.num_videos)) for _ in range(2)]
    _, axes = metric.plot(results[0])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(results[0])
    _, axes = metric.plot(results)
    assert [line.get_label() for line in axes.lines] == [name for name in results[0] if "@" not in name]
