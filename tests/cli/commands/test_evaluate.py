from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from aher_lightning.cli.commands.evaluate import evaluate
from aher_lightning.errors import AnnotationError, ConfigError, PredictionError
from aher_lightning.metrics.detection_scores import DetectionScores
from aher_lightning.metrics.functional.oracle import Oracle
from aher_lightning.reports.evaluation.report import EvaluationReport
from aher_lightning.reports.predictions.writer import write_predictions
from aher_lightning.structures import Detections
from tests.helpers.metric_cases import once, random_case
from tests.helpers.metric_reference import Prediction, Truth, mean_average_precision
from tests.helpers.official_results import INSIDE, ORIGINALS, generated_case, md5, official_case
from tests.helpers.real_data import real_data

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


def named(report: EvaluationReport) -> dict[str, float]:
    """The numbers of a report by the names of the metrics."""
    values = {"mAP" if key == "average" else f"mAP@{key}": value for key, value in report["mAP"].items()}
    recalls = {f"AR@{number}": report["AR@AN"][str(number)] for number in (1, 10, 100)}
    return {**values, **recalls, "AUC": report["AUC"]}


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


@pytest.mark.golden
def test_equals_the_stock_evaluator_but_for_its_order_of_equal_scores() -> None:
    # It sorts unstably: with tied scores, its own figures differ from one processor to the next.
    case = official_case("medium", sort="default")
    report = evaluate(case.ground_truth, case.predictions, proposals=True)
    expected = [*case.detection["mAP"], case.detection["average_mAP"]]
    assert fractions(report) == pytest.approx(expected, abs=1e-2)
    assert fractions(report) != pytest.approx(expected, abs=1e-4)
    assert list(report["AR@AN"].values()) == pytest.approx(case.proposal["avg_recall"], abs=1e-2)
    assert 100 * report["AUC"] == pytest.approx(case.proposal["auc_percent"], abs=1)


@pytest.mark.golden
@pytest.mark.parametrize("name", ["small_gt", "small_pred", "small_result_stable_desc"])
def test_the_case_in_the_repository_is_the_original(name: str) -> None:
    shipped, original = (json.loads(path.read_text()) for path in (INSIDE / f"{name}.json", ORIGINALS[name]()))
    # Of the results, the repository leaves out how long they took.
    for part in ("detection", "proposal") if "result" in name else ():
        assert shipped[part].items() <= original[part].items()
        assert shipped[part]
    assert "result" in name or shipped == original


@pytest.mark.golden
def test_untied_scores_give_the_same_in_any_order(tmp_path: Path) -> None:
    case = generated_case("mediumnt", tmp_path)
    report = evaluate(case.ground_truth, case.predictions, tiou=[0.5, 0.75])
    content = json.loads(case.predictions.read_text())
    truths, found = [], []
    database = json.loads(case.ground_truth.read_text())["database"]
    names = {name: number for number, name in enumerate([*database, *content["results"]])}
    for name, video in database.items():
        if video["subset"] == "validation":
            truths += [Truth(names[name], one["label"], tuple(one["segment"])) for one in video["annotations"]]
    for name, entries in content["results"].items():
        found += [Prediction(names[name], one["label"], one["score"], tuple(one["segment"])) for one in entries]
    expected = {name: mean_average_precision(found, truths, float(name)) for name in ("0.50", "0.75")}
    assert report["mAP"] == pytest.approx({**expected, "average": sum(expected.values()) / 2}, abs=1e-9)
    content["results"] = {name: entries[::-1] for name, entries in reversed(content["results"].items())}
    case.predictions.write_text(json.dumps(content))
    assert evaluate(case.ground_truth, case.predictions, tiou=[0.5, 0.75])["mAP"] == pytest.approx(
        report["mAP"], abs=1e-9
    )


@pytest.mark.golden
@pytest.mark.slow
def test_equals_the_official_evaluators_on_a_data_set_of_full_size(tmp_path: Path) -> None:
    # 470,000 predictions; what is known of the official result are these two figures.
    case = generated_case("large", tmp_path)
    assert md5(case.ground_truth) == "45a84d3e7d7c47377f9c8b9b415f545a"
    assert md5(case.predictions) == "58bf4298b1692729e050456057d5b264"
    report = evaluate(case.ground_truth, case.predictions, proposals=True)
    assert 100 * report["mAP"]["average"] == pytest.approx(39.197, abs=5.1e-4)
    assert 100 * report["AUC"] == pytest.approx(93.381, abs=5.1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("is_single", [True, False])
def test_equals_the_metrics_in_memory_exactly(seed: int, is_single: bool, tmp_path: Path) -> None:
    case = random_case(seed)
    # Of segments that are there several times, AR@AN counts each in a file, and one in memory.
    found = [once(one) for one in case.predictions]
    found = [one._replace(scores=one.scores.float()) if is_single else one for one in found]
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
    groups = {"untrimmed": categories[:3], "moment": categories[3:]}
    (tmp_path / "split.json").write_text(json.dumps(groups))
    metric = DetectionScores({"untrimmed": range(3), "moment": range(3, 5)})
    for video in reversed(range(case.num_videos)):
        metric.update([found[video]], [case.targets[video]], [video])
    values = {key: float(value) for key, value in metric.compute().items()}
    words = (path, tmp_path / "found.json")
    assert named(evaluate(*words, proposals=True)).items() <= values.items()
    report = evaluate(*words, proposals=True, categories=tmp_path / "split.json")
    oracles = [evaluate(*words, oracle=oracle)["mAP"]["average"] for oracle in get_args(Oracle)]
    parts = {name.removesuffix("_mean"): part for name, part in report["groups"].items()}
    grouped = {f"{name}/mAP": part["mAP"]["average"] for name, part in parts.items()}
    grouped |= {f"{name}/AUC": part["AUC"] for name, part in parts.items()}
    named_oracles = {f"oracle_{oracle}/mAP": value for oracle, value in zip(get_args(Oracle), oracles, strict=True)}
    assert {**named(report), **grouped, **named_oracles} == values


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
    assert "1 predicted video is not evaluated: false positives" in capsys.readouterr().out


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


@pytest.fixture
def split(tmp_path: Path) -> Path:
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"untrimmed": ["wave"], "moment": ["jump", "bow"]}))
    return path


def test_all_groups_are_scored_unless_one_is_chosen(
    ground_truth: Path, predictions: Path, split: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = split.with_name("report.json")
    report = evaluate(ground_truth, predictions, categories=split, proposals=True, output=output)
    # The only instance of wave has a false positive before it; jump is perfect.
    assert report["groups"]["untrimmed"]["mAP"] == dict.fromkeys(NAMES, 0.5)
    assert report["groups"]["moment"]["mAP"] == dict.fromkeys(NAMES, 1.0)
    assert report["mAP"] == dict.fromkeys(NAMES, 0.75)
    assert report["groups"]["harmonic_mean"]["mAP"] == pytest.approx(dict.fromkeys(NAMES, 2 / 3))
    counts = [(one.get("videos"), one.get("instances")) for one in report["groups"].values()]
    assert counts == [(1, 1), (2, 2), (None, None)]
    assert list(report["groups"]["harmonic_mean"]) == ["mAP", "AUC"]
    assert json.loads(output.read_text()) == report
    words = capsys.readouterr().out
    for word in ("untrimmed: 1 videos, 1 instances", "moment", "together", "harmonic mean", "66.67"):
        assert word in words
    assert "AUC" not in evaluate(ground_truth, predictions, categories=split)["groups"]["moment"]


def test_the_precision_of_a_group_is_what_choosing_it_gives(ground_truth: Path, predictions: Path, split: Path) -> None:
    report = evaluate(ground_truth, predictions, categories=split)
    for name in ("untrimmed", "moment"):
        alone = evaluate(ground_truth, predictions, categories=split, group=name)
        assert "groups" not in alone
        assert report["groups"][name]["mAP"] == alone["mAP"]
        assert report["groups"][name]["instances"] == alone["instances"]


def test_a_single_group_needs_no_choice(ground_truth: Path, predictions: Path, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps({"moment": ["jump"]}))
    report = evaluate(ground_truth, predictions, categories=tmp_path / "one.json")
    assert report == evaluate(ground_truth, predictions, categories=tmp_path / "one.json", group="moment")
    assert report["mAP"]["average"] == 1.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": ["wave"], "b": ["jump", "wave"]}, r"the category 'wave' is in the groups 'a' and 'b'; leave it in one"),
        ({"a": ["wave"], "b": ["bow"]}, r"truth\.json: the subset 'validation' has no instance of the group 'b'"),
        ({"a": ["wave"], "harmonic_mean": ["jump"]}, "a group is named 'harmonic_mean', which is a key of the report"),
        ({}, "has no group of categories"),
    ],
)
def test_unusable_groups_are_refused(
    content: object, message: str, ground_truth: Path, predictions: Path, split: Path
) -> None:
    split.write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match=message) as failure:
        evaluate(ground_truth, predictions, categories=split)
    assert "\n" not in str(failure.value)


def test_a_shipped_split_goes_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos: dict[str, list[tuple[str, float, float]]] = {
        "a": [("Archery", 10, 20)],
        "b": [("Applying sunscreen", 50, 60)],
    }
    truth = write_ground_truth(tmp_path / "truth.json", videos, "validation")
    found = write_found(tmp_path / "found.json", {"a": [("Archery", 0.9, 10, 20)], "b": [("Archery", 0.5, 50, 60)]})
    report = evaluate(truth, found, categories=Path("anet_un_am"))
    averages = {name: one["mAP"]["average"] for name, one in report["groups"].items()}
    assert averages == {"untrimmed": 1.0, "moment": 0.0, "harmonic_mean": 0.0}
    with pytest.raises(ConfigError, match=r"no category split 'anet' in the package; choose one of .*anet_un_am"):
        evaluate(truth, found, categories=Path("anet"))
    # A local file of the same name wins.
    monkeypatch.chdir(tmp_path)
    Path("anet_un_am").write_text('["Applying sunscreen"]')
    assert list(evaluate(truth, found, categories=Path("anet_un_am"))["per_class_AP"]) == ["Applying sunscreen"]


def test_an_oracle_mends_one_kind_of_error(
    ground_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Video a: both labels wrong. Video b: right label, poor segment, and one that misses everything.
    videos: dict[str, list[tuple[str, float, float, float]]] = {
        "a": [("jump", 0.9, 10, 20), ("wave", 0.8, 30, 40)],
        "b": [("jump", 0.7, 45, 60), ("jump", 0.95, 0, 5)],
    }
    found = write_found(tmp_path / "found.json", videos)
    plain = evaluate(ground_truth, found, tiou=[0.5, 0.9])
    assert "oracle" not in plain
    assert plain["mAP"]["0.50"] == pytest.approx((0 + 1 / 3 * 1 / 2) / 2)
    labels = evaluate(ground_truth, found, tiou=[0.5, 0.9], oracle="labels", output=tmp_path / "report.json")
    # jump ranks: miss of video b, hit of video a, segment of video b that is good enough for 0.5 only.
    assert labels["per_class_AP"]["wave"]["average"] == 1.0
    assert labels["per_class_AP"]["jump"] == pytest.approx({"0.50": 2 / 3, "0.90": 1 / 4, "average": 11 / 24})
    assert labels["oracle"] == json.loads((tmp_path / "report.json").read_text())["oracle"] == "labels"
    segments = evaluate(ground_truth, found, tiou=[0.5, 0.9], oracle="segments")
    assert segments["per_class_AP"]["jump"] == pytest.approx({"0.50": 0.25, "0.90": 0.25, "average": 0.25})
    assert segments["predictions"] == 4
    shown = capsys.readouterr().out
    assert "oracle: labels replaced by the ground truth" in shown
    assert "oracle: segments replaced by the ground truth" in shown


def test_an_oracle_reaches_groups_and_proposals(ground_truth: Path, split: Path, tmp_path: Path) -> None:
    videos: dict[str, list[tuple[str, float, float, float]]] = {
        "a": [("wave", 0.9, 10, 16), ("jump", 0.8, 30, 36)],
        "b": [("wave", 0.95, 0, 5), ("jump", 0.7, 50, 56)],
    }
    predictions = write_found(tmp_path / "found.json", videos)
    plain = evaluate(ground_truth, predictions, categories=split, proposals=True)
    report = evaluate(ground_truth, predictions, categories=split, proposals=True, oracle="segments")
    assert {name: one["mAP"]["average"] for name, one in report["groups"].items()} == dict.fromkeys(
        ["untrimmed", "moment", "harmonic_mean"], 1.0
    )
    assert report["AUC"] > 2 * plain["AUC"]
    assert report["predictions"] == plain["predictions"] == 4


def test_an_oracle_mends_predictions_of_categories_that_are_not_scored(
    ground_truth: Path, split: Path, tmp_path: Path
) -> None:
    found = write_found(tmp_path / "found.json", {"b": [("wave", 0.9, 50, 60)], "a": [("jump", 0.5, 30, 40)]})
    plain = evaluate(ground_truth, found, categories=split, group="moment")
    assert plain["mAP"]["average"] == 0.5
    report = evaluate(ground_truth, found, categories=split, group="moment", oracle="labels")
    assert report["mAP"]["average"] == 1.0
    assert report["predictions"] == plain["predictions"] == 1


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


def test_a_table_is_scored_like_the_same_annotations_in_json(
    ground_truth: Path, predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "truth.csv"
    table.write_text("label,video,start,end,subset\nwave,a,10,20,validation\njump,a,30,40,validation\n")
    with table.open("a") as file:
        file.write("jump,b,50,60,validation\n")
    without_empty = json.loads(ground_truth.read_text())
    del without_empty["database"]["empty"]
    ground_truth.write_text(json.dumps(without_empty))
    assert evaluate(table, predictions, proposals=True) == evaluate(ground_truth, predictions, proposals=True)
    assert "fingerprint" in capsys.readouterr().out
    with pytest.raises(AnnotationError, match="video 'a': has no duration"):
        evaluate(table, predictions, diagnose=True)


def test_the_json_of_thumos14_that_other_projects_publish_is_scored(tmp_path: Path) -> None:
    path = real_data("thumos14/thumos_gt.json")
    database = json.loads(path.read_text())["database"]
    spans = {
        name: [(one["label"], 1.0, *map(float, one["segment"])) for one in video["annotations"]]
        for name, video in database.items()
        if video["subset"] == "test"
    }
    report = evaluate(path, write_found(tmp_path / "found.json", spans), protocol="thumos14")
    assert (report["videos"], report["instances"]) == (210, 3_311)
    assert report["mAP"]["average"] == pytest.approx(1.0)
    with pytest.raises(AnnotationError, match=r"video .* has no duration.* or the annotation folder of THUMOS14"):
        evaluate(path, tmp_path / "found.json", protocol="thumos14", diagnose=True)


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
    with pytest.raises(ConfigError, match=r"tIoU thresholds must be one or more distinct numbers in \(0, 1\]"):
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
