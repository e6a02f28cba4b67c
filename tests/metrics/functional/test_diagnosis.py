from __future__ import annotations

import math

import numpy as np
import pytest

from aher_lightning.metrics.functional.diagnosis import BucketDiagnosis, Diagnosis, diagnose
from aher_lightning.metrics.functional.error_types import PredictionType
from aher_lightning.metrics.functional.instance_buckets import (
    ACTIVITYNET_EDGES,
    BucketEdges,
    characterize_instances,
    sort_into_buckets,
)
from aher_lightning.metrics.functional.segment_table import FloatArray, SegmentTable
from aher_lightning.metrics.functional.temporal_map import average_precisions
from aher_lightning.ops.thresholds import ACTIVITYNET_THRESHOLDS
from tests.helpers.diagnosis_cases import instances, mistaken_case, table, tables
from tests.helpers.diagnosis_reference import (
    ReferenceDiagnosis,
    find,
    missed,
    normalized_map,
    reference_diagnosis,
)

EDGES = BucketEdges((4.0, 8.0, 16.0, 20.0), (0.04, 0.08, 0.12), (1, 2))
ONE_BUCKET = BucketEdges((), (), ())


def durations(truth: SegmentTable) -> FloatArray:
    return np.full(len(truth.labels), 100.0)


def check_equal(result: Diagnosis, expected: ReferenceDiagnosis) -> None:
    assert result.average_map == pytest.approx(expected.average_map, abs=1e-12)
    assert {kind.name: gain for kind, gain in result.gains.items()} == pytest.approx(expected.gains, abs=1e-12)
    assert result.type_counts.tolist() == expected.type_counts
    assert result.normalized_map == pytest.approx(expected.normalized_map, abs=1e-12)
    assert result.missed == pytest.approx(expected.missed, abs=1e-12)


@pytest.mark.parametrize(("threshold", "max_multiple"), [(0.6, 10), (0.45, 2)])
@pytest.mark.parametrize("seed", range(4))
def test_equals_the_slow_reference_for_all_categories_and_for_groups(
    seed: int, threshold: float, max_multiple: int
) -> None:
    case = mistaken_case(seed)
    found, truth = tables(case)
    result = diagnose(
        found,
        truth,
        durations_sec=durations(truth),
        edges=EDGES,
        thresholds=[0.3, 0.6],
        threshold=threshold,
        max_multiple=max_multiple,
        groups={"some": {0, 2}, "others": [1, 3, 99]},
    )
    every = np.unique(truth.labels).tolist()
    assert (result.thresholds, result.threshold) == ((0.3, 0.6), threshold)
    for one, labels in [(result.overall, every), (result.groups["some"], [0, 2]), (result.groups["others"], [1, 3])]:
        expected = reference_diagnosis(
            case.reference_predictions(),
            case.reference_truths(),
            [0.3, 0.6],
            threshold=threshold,
            max_multiple=max_multiple,
            labels=set(labels) & set(every),
        )
        check_equal(one, expected)
        assert one.num_instances == np.isin(truth.labels, labels).sum()


@pytest.mark.parametrize("group", [None, [0, 2]])
def test_buckets_equal_the_slow_reference(group: list[int] | None) -> None:
    case = mistaken_case(5)
    found, truth = tables(case)
    truths = case.reference_truths()
    labels = group or np.unique(truth.labels).tolist()
    diagnoses = diagnose(
        found, truth, durations_sec=durations(truth), edges=EDGES, thresholds=[0.5], groups={"group": labels}
    )
    result = diagnoses.groups["group"]
    slow = find(case.reference_predictions(), truths, 0.5)
    buckets = sort_into_buckets(characterize_instances(truth, durations(truth)), EDGES)
    assert list(result.buckets) == list(buckets)
    for name, of_kind in buckets.items():
        assert [one.range_text for one in result.buckets[name]] == list(of_kind.ranges)
        for place, one in enumerate(result.buckets[name]):
            chosen = np.flatnonzero((of_kind.places == place) & np.isin(truth.labels, labels)).tolist()
            assert one.num_instances == len(chosen)
            assert one.normalized_map == pytest.approx(normalized_map(slow, truths, chosen, labels), nan_ok=True)
            assert one.missed == pytest.approx(missed(slow, truths, chosen, 10), nan_ok=True)
        assert sum(one.num_instances for one in result.buckets[name]) == result.num_instances
        shares = [one.missed * one.num_instances for one in result.buckets[name] if one.num_instances]
        assert sum(shares) / result.num_instances == pytest.approx(result.missed)


@pytest.mark.parametrize("seed", range(3))
def test_laws(seed: int) -> None:
    found, truth = tables(mistaken_case(seed))
    result = diagnose(found, truth, durations_sec=durations(truth), edges=ONE_BUCKET).overall
    assert result.average_map == average_precisions(found, truth).average
    assert all(gain >= 0 for gain in result.gains.values())
    assert max(result.gains.values()) > 0
    assert (np.diff(result.type_counts, axis=0) >= 0).all()
    everything = BucketDiagnosis("XS", "all", result.num_instances, result.normalized_map, result.missed)
    assert result.buckets == {"length": (everything,), "coverage": (everything,), "count": (everything,)}


def test_a_group_of_all_categories_equals_the_whole() -> None:
    found, truth = tables(mistaken_case(0))
    result = diagnose(found, truth, durations_sec=durations(truth), edges=ONE_BUCKET, groups={"all": range(10)})
    same = result.groups["all"]
    assert same.type_counts.tolist() == result.overall.type_counts.tolist()
    assert same._replace(type_counts=result.overall.type_counts) == result.overall


def test_a_perfect_detector_has_nothing_to_gain() -> None:
    # The last two are one segment of two labels, as THUMOS14 has them.
    truth = instances((0, 0, 10, 3), (0, 20, 90, 3), (1, 0, 10, 3), (2, 5, 8, 4), (2, 5, 8, 3))
    result = diagnose(truth, truth, durations_sec=durations(truth), edges=ACTIVITYNET_EDGES).overall
    assert (result.average_map, result.normalized_map, result.missed) == (1.0, 1.0, 0.0)
    assert set(result.gains.values()) == {0.0}
    assert result.type_counts.tolist() == [[5, 0, 0, 0, 0, 0]] * 10
    filled = [one for of_kind in result.buckets.values() for one in of_kind if one.num_instances]
    assert len(filled) == 2 + 2 + 2
    assert {(one.normalized_map, one.missed) for one in filled} == {(1.0, 0.0)}


def test_what_a_prediction_overlaps_is_decided_among_all_instances() -> None:
    # Within the group alone these predictions were background; its precision is normalized by 2, the mean of 1 and 3.
    truth = instances((0, 0, 10, 3), (1, 0, 10, 4), (1, 20, 30, 4), (1, 40, 50, 4))
    found = table((1, 0, 10, 0.9, 3), (1, 20, 24, 0.8, 3), (0, 0, 10, 0.7, 3))
    result = diagnose(
        found, truth, durations_sec=durations(truth), edges=ONE_BUCKET, thresholds=[0.5], groups={"group": [3]}
    )
    group = result.groups["group"]
    assert group.type_counts[2].tolist() == [1, 0, 1, 0, 1, 0]
    assert group.average_map == pytest.approx(1 / 3)
    assert group.normalized_map == pytest.approx(2 / (2 + 2))
    assert group.gains[PredictionType.WRONG_LABEL] == pytest.approx(1 / 2 - 1 / 3)
    assert group.gains[PredictionType.BACKGROUND] == 0.0


def test_an_instance_found_too_far_down_counts_for_precision_but_is_missed() -> None:
    truth = instances((0, 0, 10, 3))
    found = table(*((0, 20, 30, 0.9, 3) for _ in range(10)), (0, 0, 10, 0.8, 3))
    result = diagnose(found, truth, durations_sec=durations(truth), edges=ONE_BUCKET).overall
    assert result.average_map == pytest.approx(1 / 11)
    assert result.missed == 1.0
    assert result.type_counts[-1].tolist() == [0, 0, 0, 0, 0, 10]


def test_a_threshold_goes_by_its_name() -> None:
    found, truth = tables(mistaken_case(0))
    result = diagnose(found, truth, durations_sec=durations(truth), edges=ONE_BUCKET, threshold=0.9)
    assert result.thresholds == ACTIVITYNET_THRESHOLDS
    assert result.threshold == ACTIVITYNET_THRESHOLDS[8] != 0.9


def test_what_is_empty_is_undefined() -> None:
    truth = instances((0, 0, 10, 3))
    result = diagnose(
        table(), truth, durations_sec=durations(truth), edges=ACTIVITYNET_EDGES, groups={"none": [], "unknown": {8}}
    )
    assert (result.overall.average_map, result.overall.normalized_map, result.overall.missed) == (0.0, 0.0, 1.0)
    assert result.overall.type_counts.sum() == 0
    filled, empty = result.overall.buckets["length"][:2]
    assert (filled.num_instances, filled.missed) == (1, 1.0)
    assert math.isnan(empty.normalized_map)
    assert math.isnan(empty.missed)
    for one in result.groups.values():
        numbers = [one.average_map, one.normalized_map, one.missed, *one.gains.values()]
        assert np.isnan(numbers).all()
        assert one.num_instances == one.type_counts.sum() == 0


def test_without_ground_truth_nothing_is_defined() -> None:
    nothing = instances()
    result = diagnose(table((0, 0, 10, 0.9, 3)), nothing, durations_sec=np.empty(0), edges=ACTIVITYNET_EDGES).overall
    assert np.isnan([result.average_map, result.normalized_map, result.missed, *result.gains.values()]).all()
    assert result.type_counts.tolist() == [[0] * len(PredictionType)] * 10


def test_impossible_options_are_refused() -> None:
    truth = instances((0, 0, 10, 3))
    with pytest.raises(ValueError, match="max_multiple must be 1 or more; got 0"):
        diagnose(truth, truth, durations_sec=durations(truth), edges=EDGES, max_multiple=0)
    with pytest.raises(ValueError, match="tIoU thresholds must be one or more distinct numbers"):
        diagnose(truth, truth, durations_sec=durations(truth), edges=EDGES, threshold=1.5)
    with pytest.raises(ValueError, match="durations_sec must be a positive number"):
        diagnose(truth, truth, durations_sec=np.zeros(1), edges=EDGES)
