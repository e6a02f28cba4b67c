from __future__ import annotations

import pytest

from aher_lightning.errors import AnnotationError
from aher_lightning.evaluation.protocol import PROTOCOLS
from aher_lightning.evaluation.scores import ScoreOptions, evaluation_report
from tests.helpers.evaluation_cases import predictions_of, truth_of

PROTOCOL = PROTOCOLS["activitynet"]

VIDEOS = {
    "a": [("wave", 0, 40), ("wave", 50, 60), ("jump", 70, 80)],
    "b": [("jump", 10, 90)],
}
TRUTH = truth_of(VIDEOS, extra=["bow"], groups={"boundaries": ["wave"], "moments": ["jump", "bow"]})
FOUND = predictions_of(
    TRUTH,
    {
        "a": [
            ("wave", 0.9, 0, 40),
            ("wave", 0.8, 1, 40),  # double detection
            ("wave", 0.7, 70, 80),  # wrong label
            ("jump", 0.6, 50, 54),  # confusion
        ],
        "b": [("jump", 0.5, 10, 40), ("jump", 0.4, 95, 99)],  # localization, background
    },
)


def test_errors_are_counted_by_growing_multiple() -> None:
    diagnosis = evaluation_report(TRUTH, FOUND, PROTOCOL, ScoreOptions(diagnose=True))["diagnosis"]
    assert diagnosis["tIoU"] == 0.5
    assert diagnosis["instances_per_category"] == 2.0
    # Two instances of each category: the first four predictions by category, then all.
    assert diagnosis["errors"][0] == {
        "multiple": 1,
        "predictions": 4,
        "true_positive": 1,
        "double_detection": 1,
        "wrong_label": 0,
        "localization": 1,
        "confusion": 1,
        "background": 0,
    }
    last = diagnosis["errors"][-1]
    assert (last["multiple"], last["predictions"]) == (10, 6)
    assert (last["wrong_label"], last["background"]) == (1, 1)
    assert diagnosis["missed"] == 0.75
    assert list(diagnosis["gains"]) == ["double_detection", "wrong_label", "localization", "confusion", "background"]


def test_groups_are_diagnosed_by_themselves() -> None:
    report = evaluation_report(TRUTH, FOUND, PROTOCOL, ScoreOptions(diagnose=True))
    boundaries, moments = (report["groups"][name]["diagnosis"] for name in ("boundaries", "moments"))
    assert boundaries["errors"][-1]["true_positive"] == 1
    assert moments["errors"][-1]["true_positive"] == 0
    assert boundaries["errors"][-1]["predictions"] + moments["errors"][-1]["predictions"] == 6
    assert (boundaries["missed"], moments["missed"]) == (0.5, 1.0)
    assert boundaries["instances_per_category"] == 2.0
    assert "diagnosis" not in report["groups"]["harmonic_mean"]


def test_instances_are_sorted_by_the_sizes_of_the_protocol_or_of_the_data() -> None:
    plain = evaluation_report(TRUTH, FOUND, PROTOCOL, ScoreOptions(diagnose=True))["diagnosis"]["sensitivity"]
    assert [one["instances"] for one in plain["length"]] == [2, 1, 1, 0, 0]
    assert [one["range"] for one in plain["length"]][:2] == ["up to 30 s", "30 to 60 s"]
    assert plain["length"][4]["mAP_N"] is plain["length"][4]["missed"] is None
    assert plain["length"][1]["missed"] == 0.0
    assert [one["instances"] for one in plain["count"]] == [2, 2, 0, 0]
    options = ScoreOptions(diagnose=True, buckets="quantiles")
    fifths = evaluation_report(TRUTH, FOUND, PROTOCOL, options)["diagnosis"]["sensitivity"]
    assert [one["instances"] for one in fifths["length"]] == [2, 1, 1]
    thumos = evaluation_report(TRUTH, FOUND, PROTOCOLS["thumos14"], ScoreOptions(diagnose=True))["diagnosis"]
    assert [one["instances"] for one in thumos["sensitivity"]["length"]] == [0, 0, 2, 0, 2]


def test_without_half_among_the_thresholds_the_lowest_tells_errors_apart() -> None:
    protocol = PROTOCOL.changed(thresholds=[0.9, 0.8])
    diagnosis = evaluation_report(TRUTH, FOUND, protocol, ScoreOptions(diagnose=True))["diagnosis"]
    assert diagnosis["tIoU"] == 0.8
    assert diagnosis["errors"][-1]["double_detection"] == 1


def test_gains_add_to_the_score() -> None:
    report = evaluation_report(TRUTH, FOUND, PROTOCOL, ScoreOptions(diagnose=True))
    diagnosis = report["diagnosis"]
    # wave: one of two instances found first, so its precision is 1 there and errors behind it cost nothing.
    assert report["mAP"]["average"] == pytest.approx(0.25)
    assert diagnosis["gains"]["double_detection"] == 0.0
    late = predictions_of(TRUTH, {"a": [("wave", 0.9, 90, 99), ("wave", 0.8, 0, 40)]})
    gains = evaluation_report(TRUTH, late, PROTOCOL, ScoreOptions(diagnose=True))["diagnosis"]["gains"]
    assert gains["background"] == pytest.approx(0.125)


def test_unknown_durations_are_refused_by_a_diagnosis_alone() -> None:
    videos = {name: video._replace(has_duration=name != "b") for name, video in TRUTH.videos.items()}
    truth = TRUTH._replace(videos=videos)
    assert evaluation_report(truth, FOUND, PROTOCOL) == evaluation_report(TRUTH, FOUND, PROTOCOL)
    message = r"^ground truth: video 'b': has no duration, .*; add it, or give a file with durations: .*$"
    with pytest.raises(AnnotationError, match=message):
        evaluation_report(truth, FOUND, PROTOCOL, ScoreOptions(diagnose=True))
