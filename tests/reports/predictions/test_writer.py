from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from aher_lightning.errors import PredictionError
from aher_lightning.reports.predictions.reader import read_predictions
from aher_lightning.reports.predictions.writer import write_predictions
from aher_lightning.structures import Detections
from tests.helpers.metric_cases import detections


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "predictions.json"


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


@pytest.mark.parametrize(
    ("video_id", "found", "message"),
    [
        ("v", detections([[1, 2]], [float("nan")], [0]), "video 'v': prediction 0: segment or score is not finite"),
        ("v", detections([[1, 2], [1, float("inf")]], [1, 1], [0, 0]), "prediction 1: segment or score is not finite"),
        ("v", detections([[1, 2], [2, 1]], [1, 1], [0, 0]), "prediction 1: segment does not end after its start"),
        ("v", detections([[2, 2]], [1], [0]), "prediction 0: segment does not end after its start"),
        ("v", detections([[1, 2]] * 4, [1] * 4, [0, 1, 2, 2]), "prediction 2: label is not among the 2 categories"),
        ("v", detections([[1, 2]], [1], [-1]), "prediction 0: label is not among the 2 categories"),
        ("v", detections([[1, 2]], [1, 1], [0]), r"have shapes \(1, 2\), \(2,\), \(1,\)"),
        ("..", detections([], [], []), "is no plain file name"),
    ],
)
def test_unusable_detections_are_not_written(path: Path, video_id: str, found: Detections, message: str) -> None:
    with pytest.raises(PredictionError, match=message) as caught:
        write_predictions(path, {video_id: found}, ["a", "b"])
    assert str(caught.value).startswith(f"{path}: not written: ")
    assert list(path.parent.iterdir()) == []
