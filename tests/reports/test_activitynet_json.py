from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from aher_lightning.errors import PredictionError
from aher_lightning.reports.activitynet_json import read_predictions, write_predictions
from aher_lightning.structures import Detections
from tests.helpers.metric_cases import detections


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "predictions.json"


def write(path: Path, results: object) -> Path:
    path.write_text(json.dumps({"version": "VERSION 1.3", "results": results, "external_data": {}}))
    return path


def prediction(label: object = "wave", score: object = 0.5, segment: object = (1, 2)) -> object:
    return {"label": label, "score": score, "segment": segment}


def test_the_file_has_the_official_layout(path: Path) -> None:
    write_predictions(path, {"v1": detections([[1, 2.5]], [0.75], [1]), "v0": detections([], [], [])}, ["a", "b"])
    assert json.loads(path.read_text()) == {
        "version": "VERSION 1.3",
        "results": {"v1": [{"label": "b", "score": 0.75, "segment": [1.0, 2.5]}], "v0": []},
        "external_data": {"used": False, "details": ""},
    }
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_numbers_survive_to_the_last_bit(path: Path, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    starts = torch.rand(50, generator=generator, dtype=torch.float64) * 100
    segments = torch.stack([starts, starts + 1 + torch.rand(50, generator=generator)], dim=1).to(dtype)
    scores = (torch.rand(50, generator=generator, dtype=torch.float64) * 1e-3).to(dtype)
    labels = torch.randint(0, 3, (50,), generator=generator)
    write_predictions(path, {"v": Detections(segments, scores, labels)}, ["a", "b", "c"])
    found = read_predictions(path, ["a", "b", "c"]).detections["v"]
    assert torch.equal(found.segments, segments.double())
    assert torch.equal(found.scores, scores.double())
    assert torch.equal(found.labels, labels)


def test_order_of_videos_and_ties_is_kept(path: Path) -> None:
    tied = detections([[5, 6], [1, 2], [3, 4]], [0.5, 0.5, 0.5], [0, 1, 0])
    write_predictions(path, {"z": tied, "a": tied}, ["x", "y"])
    found = read_predictions(path)
    assert list(found.detections) == ["z", "a"]
    assert found.detections["z"].segments.tolist() == [[5, 6], [1, 2], [3, 4]]


def test_gradients_do_not_matter(path: Path) -> None:
    scores = torch.tensor([0.5], requires_grad=True)
    write_predictions(path, {"v": Detections(torch.tensor([[1.0, 2.0]]), scores, torch.tensor([0]))}, ["a"])
    assert read_predictions(path).detections["v"].scores.tolist() == [0.5]


def test_categories_come_from_the_file_unless_given(path: Path) -> None:
    write(path, {"v": [prediction("wave"), prediction("jump"), prediction("wave")], "w": []})
    open_set = read_predictions(path)
    assert open_set.categories == ["wave", "jump"]
    assert open_set.detections["v"].labels.tolist() == [0, 1, 0]
    given = read_predictions(path, ["bow", "jump", "wave"])
    assert given.categories == ["bow", "jump", "wave"]
    assert given.detections["v"].labels.tolist() == [2, 1, 2]
    assert given.detections["w"].segments.shape == (0, 2)


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (None, '"results" is missing'),
        ([], '"results" is a JSON array'),
        ({"v": {}}, "video 'v': is a JSON object where a list"),
        ({"v": [3]}, "video 'v': prediction 0: is a JSON number"),
        ({"v": [prediction(), prediction("bow")]}, "prediction 1: label 'bow' is not among the 2 known categories"),
        ({"v": [prediction(None)]}, '"label" must be a category name'),
        ({"v": [prediction(score=float("nan"))]}, '"score" must be finite'),
        ({"v": [prediction(score="0.5")]}, '"score" must be a number, but is a JSON string'),
        ({"v": [{"label": "wave", "segment": [1, 2]}]}, '"score" must be a number, but is a JSON null'),
        ({"v": [prediction(segment=[2, 2])]}, r"segment end 2\.0 is not after its start 2\.0"),
        ({"v": [prediction(segment=[2])]}, r'"segment" must be \[start, end\]'),
        ({"v": [prediction(segment=[0, float("inf")])]}, "segment end must be finite"),
        ({"v": [], "a/../b": []}, r"video id 'a/\.\./b' is no plain file name"),
    ],
)
def test_malformed_files_are_refused_in_one_line(path: Path, results: object, message: str) -> None:
    write(path, results)
    with pytest.raises(PredictionError, match=message) as caught:
        read_predictions(path, ["wave", "jump"])
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [("", "is empty"), ("{", "not valid JSON"), ("[]", "JSON array")])
def test_files_that_are_no_json_object_are_refused(path: Path, content: str, message: str) -> None:
    with pytest.raises(PredictionError, match="no such file"):
        read_predictions(path)
    path.write_text(content)
    with pytest.raises(PredictionError, match=message):
        read_predictions(path)


@pytest.mark.parametrize(
    ("video_id", "found", "message"),
    [
        ("v", detections([[1, 2]], [float("nan")], [0]), "video 'v': a segment or score is not finite"),
        ("v", detections([[1, float("inf")]], [1], [0]), "a segment or score is not finite"),
        ("v", detections([[2, 1]], [1], [0]), "the end of a segment is not after its start"),
        ("v", detections([[1, 2]], [1], [2]), "a label is not among the 2 categories"),
        ("v", detections([[1, 2]], [1], [-1]), "a label is not among the 2 categories"),
        ("v", detections([[1, 2]], [1, 1], [0]), r"have shapes \(1, 2\), \(2,\), \(1,\)"),
        ("..", detections([], [], []), "is no plain file name"),
    ],
)
def test_unusable_detections_are_not_written(path: Path, video_id: str, found: Detections, message: str) -> None:
    with pytest.raises(PredictionError, match=message) as caught:
        write_predictions(path, {video_id: found}, ["a", "b"])
    assert str(caught.value).startswith(f"{path}: not written: ")
    assert list(path.parent.iterdir()) == []
