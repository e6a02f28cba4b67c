from __future__ import annotations

import pytest

from aher_lightning.evaluation.protocol import PROTOCOLS
from aher_lightning.evaluation.scores import ScoreOptions, evaluation_report
from tests.helpers.evaluation_cases import predictions_of, truth_of

PROTOCOL = PROTOCOLS["activitynet"]
PROPOSALS = ScoreOptions(proposals=True)


def test_the_report_says_what_the_scores_mean() -> None:
    truth = truth_of({"a": [("wave", 1, 2)]}, excluded=["b", "c"])
    report = evaluation_report(truth, predictions_of(truth, {}), PROTOCOLS["thumos14"])
    rules = report["protocol"]
    assert (rules["name"], rules["subset"], rules["blocked_videos"]) == ("thumos14", "validation", 2)
    assert rules["thresholds"] == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])
    assert rules["recall_thresholds"][-1] == 1.0
    assert rules["excluded_categories"] == ["Ambiguous"]
    assert not rules["class_agnostic"]
    assert report["skipped"] == {}


def test_support_counts_instances_videos_and_predictions() -> None:
    truth = truth_of({"a": [("wave", 1, 2), ("wave", 3, 4), ("jump", 5, 6)], "b": [("wave", 1, 2)]}, extra=["bow"])
    found = predictions_of(truth, {"a": [("jump", 0.9, 1, 2), ("bow", 0.9, 1, 2)], "x": [("jump", 0.9, 1, 2)]})
    assert evaluation_report(truth, found, PROTOCOL)["per_class_support"] == {
        "wave": {"instances": 3, "videos": 2, "predictions": 0},
        "jump": {"instances": 1, "videos": 1, "predictions": 2},
    }


def test_without_categories_a_wrong_label_is_no_mistake() -> None:
    truth = truth_of({"a": [("wave", 10, 20), ("jump", 30, 40)]})
    found = predictions_of(truth, {"a": [("jump", 0.9, 10, 20), ("wave", 0.8, 30, 40)]})
    plain = evaluation_report(truth, found, PROTOCOL)
    agnostic = evaluation_report(truth, found, PROTOCOL.changed(class_agnostic=True), PROPOSALS)
    assert (plain["mAP"]["average"], agnostic["mAP"]["average"]) == (0.0, 1.0)
    assert list(agnostic["per_class_AP"]) == ["any category"]
    assert agnostic["AUC"] == evaluation_report(truth, found, PROTOCOL, PROPOSALS)["AUC"]
    # What is evaluated is the same; the name of the protocol tells the difference.
    assert plain["protocol"]["fingerprint"] == agnostic["protocol"]["fingerprint"]
    assert agnostic["protocol"]["name"] == "activitynet (class-agnostic)"


def test_a_group_has_the_fingerprint_that_it_has_alone() -> None:
    videos = {"a": [("wave", 10, 20), ("jump", 30, 40)], "b": [("jump", 50, 60)], "c": [("bow", 1, 2)]}
    groups = {"one": ["wave"], "two": ["jump", "hop"]}
    truth = truth_of(videos, extra=["hop"], groups=groups)
    report = evaluation_report(truth, predictions_of(truth, {}), PROTOCOL)
    alone = truth_of({"b": videos["b"], "a": [("jump", 30, 40)]}, extra=["hop", "wave"], groups={"two": groups["two"]})
    expected = evaluation_report(alone, predictions_of(alone, {}), PROTOCOL)["protocol"]["fingerprint"]
    assert report["groups"]["two"]["fingerprint"] == expected
    assert report["groups"]["one"]["fingerprint"] != expected
    assert "fingerprint" not in report["groups"]["harmonic_mean"]


def test_recalls_go_as_far_as_the_protocol() -> None:
    truth = truth_of({"a": [("wave", 10, 20)]})
    found = predictions_of(truth, {"a": [("wave", 0.1 + one / 1000, 40, 50) for one in range(500)]})
    found.detections["a"].segments[0] = found.detections["a"].segments.new_tensor([10.0, 20.0])
    recalls = evaluation_report(truth, found, PROTOCOLS["thumos14"], PROPOSALS)["AR@AN"]
    assert list(recalls) == [str(number) for number in range(10, 1001, 10)]
    # The hit has the lowest score of 500.
    assert (recalls["490"], recalls["500"], recalls["1000"]) == (0.0, 1.0, 1.0)
    assert list(evaluation_report(truth, found, PROTOCOL, PROPOSALS)["AR@AN"]) == [str(n) for n in range(1, 101)]


def test_left_out_rows_are_reported() -> None:
    truth = truth_of({"a": [("wave", 10, 20)]})
    found = predictions_of(truth, {})._replace(skipped={"score is not finite": 3})
    assert evaluation_report(truth, found, PROTOCOL)["skipped"] == {"score is not finite": 3}
