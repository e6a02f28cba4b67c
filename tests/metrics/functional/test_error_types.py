from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.metrics.functional.detection_matching import UNMATCHED, match_predictions
from aher_lightning.metrics.functional.error_types import ERROR_TYPES, PredictionType, classify_predictions
from aher_lightning.metrics.functional.segment_table import SegmentTable
from tests.helpers.diagnosis_cases import instances, mistaken_case, table, tables
from tests.helpers.diagnosis_reference import TYPES, find

TRUTH = instances((0, 0, 10, 3), (1, 0, 10, 4))


def types_of(predictions: SegmentTable, truth: SegmentTable, *thresholds: float) -> list[list[str]]:
    """Return the types at each threshold, in the order of the rows given."""
    matches = match_predictions(predictions, truth, thresholds)
    by_row = np.argsort(matches.rows)
    return [[PredictionType(kind).name for kind in row[by_row]] for row in classify_predictions(matches, truth)]


@pytest.mark.parametrize(
    ("end", "label", "expected"),
    [
        (10, 3, "TRUE_POSITIVE"),
        (5, 3, "TRUE_POSITIVE"),
        (10, 4, "WRONG_LABEL"),
        (5, 4, "WRONG_LABEL"),
        (4.99, 3, "LOCALIZATION"),
        (1, 3, "LOCALIZATION"),
        (4.99, 4, "CONFUSION"),
        (1, 4, "CONFUSION"),
        (0.99, 3, "BACKGROUND"),
        (0.99, 4, "BACKGROUND"),
    ],
)
def test_type_by_overlap_and_label_with_borders_at_the_threshold_and_at_a_tenth(
    end: float, label: int, expected: str
) -> None:
    assert types_of(table((0, 0, end, 0.9, label)), TRUTH, 0.5) == [[expected]]


def test_what_overlaps_nothing_is_background() -> None:
    beside, touching, other_video, other_label = (
        (0, 20, 30, 0.9, 3),
        (0, 10, 20, 0.8, 3),
        (7, 0, 9, 0.7, 3),
        (7, 0, 9, 0.7, 4),
    )
    assert types_of(table(beside, touching, other_video, other_label), TRUTH, 0.5) == [["BACKGROUND"] * 4]


def test_what_comes_after_the_best_is_a_double_detection_even_if_closer() -> None:
    found = table((0, 0, 5, 0.9, 3), (0, 0, 10, 0.8, 3), (0, 0, 5, 0.7, 3), (0, 0, 4.99, 0.6, 3))
    assert types_of(found, TRUTH, 0.5) == [["TRUE_POSITIVE", "DOUBLE_DETECTION", "DOUBLE_DETECTION", "LOCALIZATION"]]


def test_type_depends_on_the_threshold() -> None:
    found = table((0, 0, 6, 0.9, 3), (0, 0, 8, 0.8, 3), (0, 0, 6, 0.7, 4))
    assert types_of(found, TRUTH, 0.5, 0.75) == [
        ["TRUE_POSITIVE", "DOUBLE_DETECTION", "WRONG_LABEL"],
        ["LOCALIZATION", "TRUE_POSITIVE", "CONFUSION"],
    ]


def test_the_closest_instance_decides_and_not_one_of_its_own_label() -> None:
    truth = instances((0, 0, 10, 3), (0, 0, 6, 4))
    # The second one overlaps its own category by 0.6, but that is found already, and the other by 0.9.
    assert types_of(table((0, 0, 6, 0.9, 4), (0, 0, 9, 0.8, 4)), truth, 0.5) == [["TRUE_POSITIVE", "WRONG_LABEL"]]
    # Its own category is free but too far away.
    assert types_of(table((0, 0, 9, 0.8, 4)), truth, 0.8) == [["WRONG_LABEL"]]


def test_a_true_positive_may_be_closer_to_an_instance_of_another_label() -> None:
    assert types_of(table((0, 0, 9, 0.8, 4)), instances((0, 0, 10, 3), (0, 0, 6, 4)), 0.5) == [["TRUE_POSITIVE"]]


@pytest.mark.parametrize("labels", [(3, 4), (4, 3)])
def test_between_equal_overlaps_the_same_label_is_preferred(labels: tuple[int, int]) -> None:
    truth = instances((0, 0, 10, labels[0]), (0, 0, 10, labels[1]))
    found = table((0, 0, 10, 0.9, 4), (0, 0, 10, 0.8, 4), (0, 0, 3, 0.7, 4))
    assert types_of(found, truth, 0.5) == [["TRUE_POSITIVE", "DOUBLE_DETECTION", "LOCALIZATION"]]


def test_at_a_tenth_or_less_only_the_threshold_matters() -> None:
    found = table((0, 0, 1, 0.9, 4), (0, 0, 0.7, 0.8, 4), (0, 0, 0.4, 0.7, 4), (0, 0, 0.7, 0.6, 3), (0, 0, 0.4, 0.5, 3))
    wrong, background = "WRONG_LABEL", "BACKGROUND"
    assert types_of(found, TRUTH, 0.5, 0.1, 0.05) == [
        ["CONFUSION", background, background, background, background],
        [wrong, background, background, background, background],
        [wrong, wrong, background, "TRUE_POSITIVE", background],
    ]


@pytest.mark.parametrize("seed", range(8))
def test_types_equal_the_slow_reference_and_partition_the_predictions(seed: int) -> None:
    case = mistaken_case(seed)
    found, truth = tables(case)
    thresholds = (0.05, 0.3, 0.5, 0.75)
    matches = match_predictions(found, truth, thresholds)
    types = classify_predictions(matches, truth)
    for threshold, row in zip(thresholds, types, strict=True):
        expected = find(case.reference_predictions(), case.reference_truths(), threshold).type
        assert [TYPES[kind] for kind in row] == [expected[number] for number in matches.rows.tolist()]
    np.testing.assert_array_equal(types == PredictionType.TRUE_POSITIVE, matches.instances != UNMATCHED)
    assert sum((types == kind).sum() for kind in PredictionType) == types.size
    assert len(np.unique(types[2])) == len(PredictionType)


def test_error_types_are_all_but_the_true_positive() -> None:
    assert [kind.name for kind in PredictionType] == list(TYPES)
    assert [kind.name for kind in ERROR_TYPES] == list(TYPES[1:])


@pytest.mark.parametrize("truth", [TRUTH, instances()])
def test_without_predictions_or_ground_truth_there_is_nothing_to_classify(truth: SegmentTable) -> None:
    found = table() if len(truth.labels) else table((0, 0, 10, 0.9, 3))
    assert classify_predictions(match_predictions(found, truth, [0.5, 0.6]), truth).shape == (2, 0)
