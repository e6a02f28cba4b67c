from __future__ import annotations

import pytest

from aher_lightning.errors import PredictionError
from aher_lightning.evaluation.protocol import PROTOCOLS
from aher_lightning.evaluation.tables import ANY_CATEGORY, evaluation_tables
from tests.helpers.evaluation_cases import predictions_of, truth_of

PROTOCOL = PROTOCOLS["activitynet"]


def test_videos_of_the_ground_truth_are_numbered_first() -> None:
    truth = truth_of({"a": [("wave", 1, 2)], "b": []})
    found = predictions_of(truth, {"x": [("wave", 0.9, 1, 2)], "b": [("wave", 0.8, 3, 4)], "y": []})
    tables = evaluation_tables(truth, found, PROTOCOL)
    assert tables.found.videos.tolist() == [2, 1]
    assert tables.truth.videos.tolist() == [0]
    assert (tables.num_videos, tables.num_unknown_videos) == (2, 1)


def test_predictions_in_excluded_videos_do_not_count() -> None:
    truth = truth_of({"a": [("wave", 1, 2)]}, excluded=["b"])
    found = predictions_of(truth, {"b": [("wave", 0.9, 1, 2)], "a": [("wave", 0.8, 3, 4)]})
    tables = evaluation_tables(truth, found, PROTOCOL)
    assert tables.found.scores.tolist() == [0.8]
    assert tables.num_unknown_videos == 0


def test_categories_that_do_not_count_are_left_out_when_asked() -> None:
    truth = truth_of(
        {"a": [("wave", 1, 2), ("jump", 3, 4)]}, extra=["Ambiguous", "bow"], groups={"one": ["jump", "bow"]}
    )
    found = predictions_of(truth, {"a": [("wave", 0.9, 1, 2), ("jump", 0.8, 1, 2), ("bow", 0.7, 1, 2)]})
    tables = evaluation_tables(truth, found, PROTOCOL)
    assert tables.found.scores.tolist() == [0.9, 0.8, 0.7]
    assert tables.scored_only().found.scores.tolist() == [0.8, 0.7]
    assert tables.groups == {"one": [1, 3]}
    everything = truth._replace(groups={})
    found = predictions_of(everything, {"a": [("wave", 0.9, 1, 2), ("Ambiguous", 0.8, 1, 2)]})
    thumos = evaluation_tables(everything, found, PROTOCOLS["thumos14"])
    assert thumos.scored_only().found.scores.tolist() == [0.9]


def test_all_categories_that_count_can_be_one() -> None:
    truth = truth_of({"a": [("wave", 1, 2), ("jump", 3, 4)]}, extra=["bow"], groups={"x": ["wave", "jump"], "y": []})
    found = predictions_of(truth, {"a": [("jump", 0.9, 1, 2), ("bow", 0.8, 1, 2)]})
    tables = evaluation_tables(truth, found, PROTOCOL.changed(class_agnostic=True))
    assert tables.categories == [ANY_CATEGORY]
    assert (tables.found.labels.tolist(), tables.found.scores.tolist()) == ([0], [0.9])
    assert tables.truth.labels.tolist() == [0, 0]
    assert tables.groups == {}


def test_ids_that_are_spelt_in_another_way_are_noticed() -> None:
    truth = truth_of({"abc": [("wave", 1, 2)]}, excluded=["b"])
    found = predictions_of(truth, {"v_abc": [("wave", 0.9, 1, 2)], "v_def": [("wave", 0.9, 1, 2)], "abc": []})
    message = "none of the 2 predicted videos is in the ground truth: annotated ids look like 'abc', .* like 'v_abc'"
    with pytest.raises(PredictionError, match=message):
        evaluation_tables(truth, found, PROTOCOL)
    nothing = predictions_of(truth, {"v_abc": []})
    assert len(evaluation_tables(truth, nothing, PROTOCOL).found.videos) == 0
    excluded = predictions_of(truth, {"b": [("wave", 0.9, 1, 2)]})
    assert len(evaluation_tables(truth, excluded, PROTOCOL).found.videos) == 0
