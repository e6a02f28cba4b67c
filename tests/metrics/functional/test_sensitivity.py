from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.metrics.functional.category_ranks import ranks_in_instances
from aher_lightning.metrics.functional.detection_matching import UNMATCHED, match_predictions
from aher_lightning.metrics.functional.segment_table import SegmentTable
from aher_lightning.metrics.functional.sensitivity import missed_instances, normalized_precisions
from aher_lightning.metrics.functional.temporal_map import AveragePrecisions, average_precisions
from tests.helpers.diagnosis_cases import instances, mistaken_case, table, tables
from tests.helpers.diagnosis_reference import find, missed, normalized_map

TRUTH = instances((0, 0, 10, 3), (0, 20, 30, 3), (0, 40, 50, 3), (1, 0, 10, 5))
FOUND = table((0, 0, 10, 0.9, 3), (0, 60, 70, 0.8, 3), (0, 20, 30, 0.7, 3), (1, 0, 10, 0.6, 5))


def normalized(found: SegmentTable, truth: SegmentTable, *chosen: int) -> AveragePrecisions:
    """Return the normalized precisions of some instances at 0.5."""
    subset = np.isin(np.arange(len(truth.labels)), chosen)
    return normalized_precisions(match_predictions(found, truth, [0.5]), truth, subset[None])[0]


def test_all_instances_by_hand() -> None:
    # N is 2. Hit, miss, hit of three: R * N is 2/3 and 4/3, F is 0 and 1: 1/3 * 1 + 1/3 * 4/7.
    result = normalized(FOUND, TRUTH, 0, 1, 2, 3)
    assert result.labels.tolist() == [3, 5]
    assert result.values.tolist() == [[pytest.approx(11 / 21), 1.0]]
    assert result.average == pytest.approx((11 / 21 + 1) / 2)


@pytest.mark.parametrize(("chosen", "expected"), [(0, 1.0), (1, 2 / 3), (2, 0.0)])
def test_other_instances_are_ignored_and_misses_count(chosen: int, expected: float) -> None:
    # Of the second instance: the hit of the first one is ignored, then comes a miss: R * N is 2, F is 1.
    result = normalized(FOUND, TRUTH, chosen)
    assert result.labels.tolist() == [3]
    assert result.values.tolist() == [[pytest.approx(expected)]]


def test_of_no_instance_nothing_is_defined() -> None:
    result = normalized(FOUND, TRUTH)
    assert result.labels.tolist() == []
    assert np.isnan(result.average)


@pytest.mark.parametrize("seed", range(6))
def test_normalized_precision_equals_the_slow_reference(seed: int) -> None:
    case = mistaken_case(seed)
    found, truth = tables(case)
    predictions, truths = case.reference_predictions(), case.reference_truths()
    subsets = np.random.default_rng(seed).random((3, len(truths))) < [[0.1], [0.5], [0.9]]
    matches = match_predictions(found, truth, [0.3, 0.5, 0.9])
    for subset, result in zip(subsets, normalized_precisions(matches, truth, subsets), strict=True):
        chosen, labels = np.flatnonzero(subset).tolist(), np.unique(truth.labels).tolist()
        expected = [normalized_map(find(predictions, truths, at), truths, chosen, labels) for at in result.thresholds]
        np.testing.assert_allclose(result.means, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_with_as_many_instances_as_usual_it_is_average_precision(seed: int) -> None:
    found, truth = tables(mistaken_case(seed))
    truth = truth.rows(truth.labels == 1)
    result = normalized_precisions(match_predictions(found, truth), truth, np.ones((1, len(truth.labels)), np.bool_))
    np.testing.assert_allclose(result[0].values, average_precisions(found, truth).values, rtol=0, atol=1e-12)
    assert 0 < result[0].average < 1


def test_precision_does_not_fall_with_the_number_of_instances() -> None:
    # Twice the instances, found as often, among the same false positives.
    few = instances((0, 0, 10, 0), (9, 0, 10, 1), (9, 20, 30, 1), (9, 40, 50, 1))
    many = instances((0, 0, 10, 0), (0, 20, 30, 0), (9, 0, 10, 1), (9, 20, 30, 1))
    misses = [(5, 0, 10, 0.9, 0), (6, 0, 10, 0.8, 0)]
    one, two = table(*misses, (0, 0, 10, 0.7, 0)), table(*misses, (0, 0, 10, 0.7, 0), (0, 20, 30, 0.6, 0))
    everything = (0, 1, 2, 3)
    assert normalized(one, few, *everything).values[0, 0] == normalized(two, many, *everything).values[0, 0] == 0.5
    assert average_precisions(one, few, [0.5]).values[0, 0] < average_precisions(two, many, [0.5]).values[0, 0]


def test_an_instance_is_missed_if_only_predictions_far_down_find_it() -> None:
    instances_found = np.array([2, UNMATCHED, 0, 1])
    ranks = np.array([1, 3, 10, 11])
    assert missed_instances(instances_found, ranks, 4).tolist() == [False, True, False, True]
    assert missed_instances(instances_found, ranks, 4, max_multiple=9).tolist() == [True, True, False, True]
    assert missed_instances(instances_found, ranks, 4, max_multiple=11).tolist() == [False, False, False, True]


@pytest.mark.parametrize("max_multiple", [1, 2, 10])
@pytest.mark.parametrize("seed", range(3))
def test_missed_instances_equal_the_slow_reference(seed: int, max_multiple: int) -> None:
    case = mistaken_case(seed)
    found, truth = tables(case)
    matches = match_predictions(found, truth, [0.6])
    result = missed_instances(matches.instances[0], ranks_in_instances(matches, truth), len(truth.labels), max_multiple)
    slow = find(case.reference_predictions(), case.reference_truths(), 0.6)
    expected = [missed(slow, case.reference_truths(), [place], max_multiple) for place in range(len(truth.labels))]
    assert result.tolist() == expected
    assert 0 < result.sum() < len(result)
