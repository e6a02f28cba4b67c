from __future__ import annotations

import pytest

from aher_lightning.errors import PredictionError
from aher_lightning.evaluation.comparison import ComparisonOptions, comparison_report
from aher_lightning.evaluation.protocol import PROTOCOLS
from aher_lightning.evaluation.scores import ScoreOptions, evaluation_report
from tests.helpers.evaluation_cases import predictions_of, truth_of

PROTOCOL = PROTOCOLS["activitynet"]
VIDEOS = {f"v{number}": [("wave" if number % 2 else "jump", 10, 20)] for number in range(8)}
TRUTH = truth_of(VIDEOS, groups={"zero": ["wave"], "two": ["jump"]})
GOOD = predictions_of(TRUTH, {name: [(spans[0][0], 0.9, 10, 20)] for name, spans in VIDEOS.items()})
POOR = predictions_of(TRUTH, {name: [(spans[0][0], 0.9, 10, 17)] for name, spans in VIDEOS.items()})
OPTIONS = ComparisonOptions(resamples=20, proposals=True)


def test_scores_are_those_of_each_file_alone() -> None:
    report = comparison_report(TRUTH, ("good", GOOD), ("poor", POOR), PROTOCOL, OPTIONS)
    for side, found in (("first", GOOD), ("second", POOR)):
        alone = evaluation_report(TRUTH, found, PROTOCOL, ScoreOptions(proposals=True))
        scores = {name: dict(one)[side] for name, one in report["scores"].items()}
        assert scores["mAP"] == alone["mAP"]["average"]
        assert scores["mAP@0.75"] == alone["mAP"]["0.75"]
        assert scores["AUC"] == alone["AUC"]
        assert scores["two/mAP"] == alone["groups"]["two"]["mAP"]["average"]
        assert scores["zero/AUC"] == alone["groups"]["zero"]["AUC"]
        assert report["protocol"] == alone["protocol"]
    assert (report["first"], report["second"], report["resamples"]) == ("good", "poor", 20)


def test_what_is_better_in_every_video_is_better() -> None:
    scores = comparison_report(TRUTH, ("good", GOOD), ("poor", POOR), PROTOCOL, OPTIONS)["scores"]
    assert scores["mAP"]["difference"] == pytest.approx(0.5)
    assert (scores["mAP"]["low"] or 0.0) > 0
    assert scores["mAP"]["fraction_better"] == 1.0
    same = comparison_report(TRUTH, ("good", GOOD), ("copy", GOOD), PROTOCOL, OPTIONS)["scores"]
    assert {(one["difference"], one["low"], one["high"]) for one in same.values()} == {(0.0, 0.0, 0.0)}


def test_scores_of_a_group_stand_together() -> None:
    names = list(comparison_report(TRUTH, ("a", GOOD), ("b", POOR), PROTOCOL, OPTIONS)["scores"])
    groups = [name.rpartition("/")[0] for name in names]
    assert list(dict.fromkeys(groups)) == ["", "zero", "two"]
    assert len([one for one, before in zip(groups[1:], groups, strict=False) if one != before]) == 2
    alone = truth_of(VIDEOS, groups={"one": ["wave"]})
    assert not any("/" in name for name in comparison_report(alone, ("a", GOOD), ("b", POOR), PROTOCOL)["scores"])


def test_recalls_follow_the_protocol() -> None:
    thumos = comparison_report(TRUTH, ("a", GOOD), ("b", POOR), PROTOCOLS["thumos14"], OPTIONS)["scores"]
    alone = evaluation_report(TRUTH, POOR, PROTOCOLS["thumos14"], ScoreOptions(proposals=True))
    assert thumos["AUC"]["second"] == alone["AUC"]
    assert "mAP@0.30" in thumos


def test_a_group_that_no_draw_has_is_without_interval() -> None:
    videos = {"a": [("wave", 10, 20)], "b": [("jump", 10, 20)]}
    truth = truth_of(videos, groups={"waves": ["wave"], "jumps": ["jump"]})
    found = predictions_of(truth, {"a": [("wave", 0.9, 10, 20)]})
    for seed in range(8):
        options = ComparisonOptions(resamples=1, seed=seed)
        scores = comparison_report(truth, ("a", found), ("b", found), PROTOCOL, options)["scores"]
        lows = [scores[f"{name}/mAP"]["low"] for name in truth.groups]
        if None in lows:
            break
    # One of two videos is drawn twice, so the group of the other one has nothing to find.
    assert sorted(lows, key=str) == [0.0, None]
    missing = scores[f"{list(truth.groups)[lows.index(None)]}/mAP"]
    assert (missing["high"], missing["fraction_better"], missing["difference"]) == (None, None, 0.0)


def test_what_was_left_out_or_is_unknown_is_told_of_each_file() -> None:
    odd = predictions_of(TRUTH, {"v1": [("wave", 0.9, 10, 20)], "elsewhere": [("wave", 0.5, 1, 2)]})
    odd = odd._replace(skipped={"unknown label": 2})
    report = comparison_report(TRUTH, ("good", GOOD), ("odd", odd), PROTOCOL, OPTIONS)
    assert report["skipped"] == {"first": {}, "second": {"unknown label": 2}}
    assert report["unknown_videos"] == {"first": 0, "second": 1}


def test_progress_counts_all_draws() -> None:
    done: list[int] = []
    options = ComparisonOptions(resamples=3, proposals=True, on_progress=done.append)
    comparison_report(TRUTH, ("a", GOOD), ("b", POOR), PROTOCOL, options)
    assert done == [1, 2, 3, 4, 5, 6]


def test_a_file_of_other_videos_is_refused() -> None:
    other = predictions_of(TRUTH, {"elsewhere": [("wave", 0.9, 1, 2)]})
    with pytest.raises(PredictionError, match=r"^b: none of the 1 predicted videos"):
        comparison_report(TRUTH, ("a", GOOD), ("b", other), PROTOCOL, OPTIONS)
