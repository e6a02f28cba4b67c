from __future__ import annotations

import json
from pathlib import Path

import pytest

from aher_lightning.commands.evaluate import EvaluationReport, evaluate
from aher_lightning.errors import AnnotationError, ConfigError, PredictionError
from aher_lightning.metrics.proposal_recall import ProposalRecall
from aher_lightning.metrics.temporal_map import TemporalMeanAveragePrecision
from aher_lightning.reports.activitynet_json import write_predictions
from aher_lightning.structures import Detections
from tests.helpers.metric_cases import random_case
from tests.helpers.official_results import official_case

NAMES = ["0.50", "0.55", "0.60", "0.65", "0.70", "0.75", "0.80", "0.85", "0.90", "0.95", "average"]


def write_ground_truth(path: Path, videos: dict[str, list[tuple[str, float, float]]], subset: str) -> Path:
    database = {
        name: {
            "subset": subset,
            "duration": 100.0,
            "annotations": [{"label": label, "segment": [start, end]} for label, start, end in instances],
        }
        for name, instances in videos.items()
    }
    path.write_text(json.dumps({"database": database}))
    return path


def write_found(path: Path, videos: dict[str, list[tuple[str, float, float, float]]]) -> Path:
    results = {
        name: [{"label": label, "score": score, "segment": [start, end]} for label, score, start, end in found]
        for name, found in videos.items()
    }
    path.write_text(json.dumps({"results": results}))
    return path


@pytest.fixture
def ground_truth(tmp_path: Path) -> Path:
    videos: dict[str, list[tuple[str, float, float]]] = {
        "a": [("wave", 10, 20), ("jump", 30, 40)],
        "b": [("jump", 50, 60)],
        "empty": [],
    }
    return write_ground_truth(tmp_path / "truth.json", videos, "validation")


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    videos: dict[str, list[tuple[str, float, float, float]]] = {
        "a": [("wave", 0.9, 10, 20), ("jump", 0.8, 30, 40)],
        "b": [("wave", 0.95, 0, 5), ("jump", 0.7, 50, 60)],
    }
    return write_found(tmp_path / "found.json", videos)


def fractions(report: EvaluationReport) -> list[float]:
    return [report["mAP"][name] for name in NAMES]


@pytest.mark.golden
@pytest.mark.parametrize("name", ["small", "medium"])
def test_equals_the_official_evaluators(name: str, tmp_path: Path) -> None:
    case = official_case(name)
    report = evaluate(case.ground_truth, case.predictions, proposals=True, output=tmp_path / "out" / "report.json")
    expected = [*case.detection["mAP"], case.detection["average_mAP"]]
    assert fractions(report) == pytest.approx(expected, abs=1e-9)
    for label, values in case.detection["ap_per_class"].items():
        assert [report["per_class_AP"][label][name] for name in NAMES[:-1]] == pytest.approx(values, abs=1e-9)
    assert len(report["per_class_AP"]) == len(case.detection["ap_per_class"])
    assert list(report["AR@AN"]) == [str(number) for number in range(1, 101)]
    assert list(report["AR@AN"].values()) == pytest.approx(case.proposal["avg_recall"], abs=1e-9)
    assert 100 * report["AUC"] == pytest.approx(case.proposal["auc_percent"], abs=1e-7)
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("is_single", [True, False])
def test_equals_the_metrics_in_memory_exactly(seed: int, is_single: bool, tmp_path: Path) -> None:
    case = random_case(seed)
    found = [one._replace(scores=one.scores.float()) if is_single else one for one in case.predictions]
    categories = [f"category {label}" for label in range(5)]
    truth = {
        f"v{video}": [
            (categories[label], *segment)
            for label, segment in zip(one.labels.tolist(), one.segments.tolist(), strict=True)
        ]
        for video, one in enumerate(case.targets)
    }
    # Category 4 has no instance in this subset, but in another one.
    path = write_ground_truth(tmp_path / "truth.json", truth, "validation")
    content = json.loads(path.read_text())
    annotation = {"label": categories[4], "segment": [0, 1]}
    content["database"]["other"] = {"subset": "training", "duration": 9, "annotations": [annotation]}
    path.write_text(json.dumps(content))
    numbered: dict[str, Detections] = {f"v{video}": one for video, one in enumerate(found)}
    write_predictions(tmp_path / "found.json", numbered, categories)
    report = evaluate(path, tmp_path / "found.json", proposals=True)
    precision, recall = TemporalMeanAveragePrecision(), ProposalRecall()
    for metric in (precision, recall):
        for video in reversed(range(case.num_videos)):
            metric.update([found[video]], [case.targets[video]], [video])
    assert fractions(report) == [float(value) for value in precision.compute().values()]
    values = {key: float(value) for key, value in recall.compute().items()}
    assert {key: report["AR@AN"][key.removeprefix("AR@")] for key in list(values)[:-1]} | {
        "AUC": report["AUC"]
    } == values


def test_report_and_table(ground_truth: Path, predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = evaluate(ground_truth, predictions)
    assert report["mAP"]["average"] == pytest.approx(0.75)
    assert report["per_class_AP"]["jump"] == dict.fromkeys(NAMES, 1.0)
    assert report["per_class_AP"]["wave"]["0.50"] == 0.5
    counts = [report["videos"], report["instances"], report["predictions"], report["unknown_videos"]]
    assert counts == [2, 3, 4, 0]
    assert "AUC" not in report
    shown = capsys.readouterr().out
    assert "2 videos, 3 instances, 4 predictions" in shown
    assert "mAP@0.50" in shown
    assert "75.00" in shown
    assert "AUC" not in shown


def test_thresholds_and_proposals(ground_truth: Path, predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = evaluate(ground_truth, predictions, tiou=[0.3, 0.5], proposals=True)
    assert list(report["mAP"]) == ["0.30", "0.50", "average"]
    assert report["AR@AN"]["100"] == 1.0
    shown = capsys.readouterr().out
    assert "AR@100" in shown
    assert "AUC" in shown


def test_unknown_videos_are_false_positives_and_mentioned(
    ground_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = write_found(
        tmp_path / "found.json", {"v_a": [("wave", 0.9, 10, 20)], "a": [("wave", 0.5, 10, 20)], "v_b": []}
    )
    report = evaluate(ground_truth, found)
    assert report["unknown_videos"] == 1
    assert report["per_class_AP"]["wave"]["average"] == pytest.approx(0.5)
    assert "1 predicted videos are not in the ground truth: false positives" in capsys.readouterr().out


def test_no_prediction_scores_zero(ground_truth: Path, tmp_path: Path) -> None:
    report = evaluate(ground_truth, write_found(tmp_path / "found.json", {}), proposals=True)
    assert fractions(report) == [0.0] * len(NAMES)
    assert report["AUC"] == 0.0


def test_a_group_of_categories_is_scored_alone(ground_truth: Path, predictions: Path, tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text(json.dumps({"untrimmed": ["wave"], "moment": ["jump", "bow"]}))
    report = evaluate(ground_truth, predictions, categories=tmp_path / "split.json", group="moment", proposals=True)
    assert list(report["per_class_AP"]) == ["jump"]
    assert [report["videos"], report["instances"], report["predictions"]] == [2, 2, 2]
    assert report["mAP"]["average"] == 1.0
    (tmp_path / "list.json").write_text('["wave"]')
    assert evaluate(ground_truth, predictions, categories=tmp_path / "list.json")["mAP"]["average"] == 0.5


def test_categories_may_be_known_from_the_taxonomy_alone(ground_truth: Path, tmp_path: Path) -> None:
    found = write_found(tmp_path / "found.json", {"a": [("bow", 0.9, 10, 20), ("wave", 0.5, 10, 20)]})
    with pytest.raises(PredictionError, match=r"found\.json: video 'a': prediction 0: label 'bow' is not among the 2"):
        evaluate(ground_truth, found)
    content = json.loads(ground_truth.read_text())
    content["taxonomy"] = [{"nodeId": 0, "nodeName": "bow", "parentId": None, "parentName": None}]
    ground_truth.write_text(json.dumps(content))
    report = evaluate(ground_truth, found)
    assert list(report["per_class_AP"]) == ["wave", "jump"]
    assert report["per_class_AP"]["wave"]["average"] == 1.0


def test_instances_of_no_length_count_as_never_found(predictions: Path, tmp_path: Path) -> None:
    videos: dict[str, list[tuple[str, float, float]]] = {"a": [("wave", 10, 20), ("wave", 5, 5), ("jump", 30, 40)]}
    report = evaluate(write_ground_truth(tmp_path / "truth.json", videos, "test"), predictions, subset="test")
    assert report["instances"] == 3
    assert report["per_class_AP"]["wave"]["average"] == pytest.approx(0.25)


def test_unusable_subsets_are_refused(ground_truth: Path, predictions: Path, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"truth\.json: no video is in the subset 'test'.*exist: 'validation'"):
        evaluate(ground_truth, predictions, subset="test")
    without = write_ground_truth(tmp_path / "none.json", {"a": []}, "testing")
    found = write_found(tmp_path / "nothing.json", {"a": []})
    with pytest.raises(AnnotationError, match=r"none\.json: the subset 'testing' has no instance"):
        evaluate(without, found, subset="testing")


def test_unusable_options_are_refused(ground_truth: Path, predictions: Path) -> None:
    with pytest.raises(ConfigError, match="the group 'moment' needs a file of category groups"):
        evaluate(ground_truth, predictions, group="moment")
    with pytest.raises(ConfigError, match=r"tIoU thresholds must be different numbers in \(0, 1\]"):
        evaluate(ground_truth, predictions, tiou=[50.0])
    with pytest.raises(ConfigError, match="cannot be written"):
        evaluate(ground_truth, predictions, output=ground_truth / "report.json")


def test_unusable_files_are_refused(ground_truth: Path, predictions: Path, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"missing\.json: no such file"):
        evaluate(tmp_path / "missing.json", predictions)
    with pytest.raises(PredictionError, match=r"missing\.json: no such file"):
        evaluate(ground_truth, tmp_path / "missing.json")
    with pytest.raises(PredictionError, match='"results" is missing'):
        evaluate(ground_truth, ground_truth)
