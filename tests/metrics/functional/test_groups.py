from __future__ import annotations

import math

import numpy as np
import pytest

from aher_lightning.metrics.functional.groups import group_precisions, group_proposals, harmonic_mean
from aher_lightning.metrics.functional.proposal_recall import proposal_recalls
from aher_lightning.metrics.functional.segment_table import SegmentTable, table_from_detections
from aher_lightning.metrics.functional.temporal_map import average_precisions
from tests.helpers.metric_cases import random_case
from tests.helpers.metric_reference import mean_average_precision

GROUPS = ([0, 2], [1, 3, 4])


def tables(seed: int) -> tuple[SegmentTable, SegmentTable]:
    case = random_case(seed)
    videos = list(range(case.num_videos))
    return table_from_detections(case.predictions, videos), table_from_detections(case.targets, videos)


@pytest.mark.parametrize("labels", GROUPS)
@pytest.mark.parametrize("seed", range(4))
def test_precision_of_a_group_equals_scoring_it_alone(seed: int, labels: list[int]) -> None:
    found, truth = tables(seed)
    result = group_precisions(average_precisions(found, truth), labels)
    alone = average_precisions(
        found.rows(np.isin(found.labels, labels)), truth.rows(np.isin(truth.labels, labels)), result.thresholds
    )
    assert result.labels.tolist() == alone.labels.tolist() == [label for label in labels if label < 4]
    np.testing.assert_array_equal(result.values, alone.values)
    case = random_case(seed)
    predictions = [one for one in case.reference_predictions() if one.label in labels]
    truths = [one for one in case.reference_truths() if one.label in labels]
    expected = [mean_average_precision(predictions, truths, at) for at in result.thresholds]
    assert result.means.tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_groups_weighted_by_their_categories_make_the_whole(seed: int) -> None:
    found, truth = tables(seed)
    everything = average_precisions(found, truth)
    parts = [group_precisions(everything, labels) for labels in GROUPS]
    weighted = sum(len(part.labels) * part.average for part in parts)
    assert weighted / len(everything.labels) == pytest.approx(everything.average)


def test_a_group_without_ground_truth_has_no_score() -> None:
    found, truth = tables(0)
    assert math.isnan(group_precisions(average_precisions(found, truth), [4, 9]).average)
    proposals, instances = group_proposals(found, truth, [4, 9])
    assert len(proposals.videos) == len(instances.videos) == 0
    assert math.isnan(proposal_recalls(proposals, instances).area_under_curve)


def test_proposals_of_a_group_are_those_of_its_videos_whatever_their_labels() -> None:
    segments = np.array([[0.0, 10.0], [20.0, 30.0], [0.0, 10.0], [0.0, 10.0]])
    truth = SegmentTable(np.array([0, 0, 1, 2]), segments, np.ones(4), np.array([5, 6, 6, 7]))
    found = SegmentTable(np.array([2, 0, 1, 9]), segments, np.arange(4.0), np.array([5, 7, 5, 6]))
    proposals, instances = group_proposals(found, truth, range(6, 7))
    assert [proposals.videos.tolist(), proposals.labels.tolist()] == [[0, 1], [7, 5]]
    assert [instances.videos.tolist(), instances.labels.tolist()] == [[0, 1], [6, 6]]


def test_one_group_of_everything_is_everything() -> None:
    found, truth = tables(2)
    known = found.rows(np.isin(found.videos, truth.videos))
    proposals, instances = group_proposals(found, truth, range(5))
    assert all(np.array_equal(one, other) for one, other in zip(proposals, known, strict=True))
    assert proposal_recalls(proposals, instances).area_under_curve > 0
    assert (
        group_precisions(average_precisions(found, truth), range(5)).average == average_precisions(found, truth).average
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.2, 0.3], 0.24),
        ([0.5, 0.5], 0.5),
        ([0.7], 0.7),
        ([0.0, 0.4], 0.0),
        ([0.0, 0.0], 0.0),
        ([1, 0.5, 0.25], 3 / 7),
    ],
)
def test_harmonic_mean(values: list[float], expected: float) -> None:
    assert harmonic_mean(values) == pytest.approx(expected)
    assert harmonic_mean(values[::-1]) == pytest.approx(expected)


def test_harmonic_mean_of_two_is_twice_their_product_by_their_sum() -> None:
    for a, b in np.random.default_rng(0).random((20, 2)).tolist():
        assert harmonic_mean([a, b]) == pytest.approx(2 * a * b / (a + b), rel=1e-12)


def test_harmonic_mean_of_the_undefined_is_undefined() -> None:
    assert math.isnan(harmonic_mean([0.0, math.nan]))
    assert math.isnan(harmonic_mean([math.nan, 0.5]))
    with pytest.raises(ValueError, match="needs at least one value"):
        harmonic_mean([])
