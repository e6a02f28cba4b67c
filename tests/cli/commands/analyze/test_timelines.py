from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.analyses.timeline_bars import TimelineBar
from aher_lightning.cli.commands.analyze.timelines import timelines
from aher_lightning.cli.main import main
from aher_lightning.errors import AnnotationError, ConfigError
from aher_lightning.reports.predictions.writer import write_predictions
from aher_lightning.structures import Detections


@pytest.fixture
def ground_truth(tmp_path: Path) -> Path:
    def video(*annotations: tuple[str, float, float]) -> dict[str, Any]:
        entries = [{"label": label, "segment": [start, end]} for label, start, end in annotations]
        return {"subset": "validation", "duration": 10.0, "annotations": entries}

    database = {"v1": video(("nod", 1.0, 2.0)), "v2": video(("wave", 3.0, 5.0), ("nod", 6.0, 9.0)), "v3": video()}
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps({"database": database}))
    return path


def predictions(path: Path, *videos: str) -> Path:
    segments = torch.tensor([[3.0, 5.5], [0.0, 1.0]], dtype=torch.float64)
    found = Detections(segments, torch.tensor([0.75, 0.25], dtype=torch.float64), torch.tensor([1, 0]))
    write_predictions(path, dict.fromkeys(videos, found), ["nod", "wave"])
    return path


def test_instances_and_detections_become_bars(
    ground_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"A": predictions(tmp_path / "a.json", "v2", "v1"), "B": predictions(tmp_path / "b.json", "v1")}
    bars = timelines(ground_truth, files, tmp_path / "out", first=1, top_k=1)
    assert bars == [
        TimelineBar("v2", "ground truth", 3.0, 5.0, "wave", None),
        TimelineBar("v2", "ground truth", 6.0, 9.0, "nod", None),
        TimelineBar("v2", "A", 3.0, 5.5, "wave", 0.75),
    ]
    with (tmp_path / "out" / "timelines.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["video", "row", "start", "end", "label", "score"]
    assert rows == [["" if value is None else str(value) for value in bar] for bar in bars]
    assert (tmp_path / "out" / "timelines.png").read_bytes()[1:4] == b"PNG"
    assert "1 videos: v2" in capsys.readouterr().out


def test_videos_can_be_chosen(ground_truth: Path, tmp_path: Path) -> None:
    file = predictions(tmp_path / "a.json", "v2", "v1", "unknown")
    bars = timelines(ground_truth, file, tmp_path / "out", videos=["v1", "v3"], min_score=0.5)
    assert [(bar.video, bar.row) for bar in bars] == [("v1", "ground truth"), ("v1", "detections")]
    found = timelines(ground_truth, file, tmp_path / "out")
    assert list(dict.fromkeys(bar.video for bar in found)) == ["v2", "v1"]


def test_it_is_a_command(ground_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = predictions(tmp_path / "a b.json", "v1")
    words = ["analyze", "timelines", "--ground-truth", str(ground_truth), "--output", str(tmp_path / "out")]
    assert main([*words, "--predictions", str(file)]) == 0
    assert main([*words, "--predictions", json.dumps({"A": str(file)}), "--videos", '["v2"]', "--top-k", "1"]) == 0
    rows = (tmp_path / "out" / "timelines.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [["v2", "ground truth"]] * 2
    capsys.readouterr()
    assert main([*words, "--predictions", str(tmp_path / "none.json")]) == 1
    assert "none.json: no such file" in capsys.readouterr().err


def test_what_cannot_be_drawn_is_refused(ground_truth: Path, tmp_path: Path) -> None:
    file = predictions(tmp_path / "a.json", "elsewhere")
    with pytest.raises(AnnotationError, match=r"annotations\.json: has none of the predicted videos"):
        timelines(ground_truth, file, tmp_path / "out")
    with pytest.raises(AnnotationError, match="has no video 'v9'; give ids of the annotation file"):
        timelines(ground_truth, file, tmp_path / "out", videos=["v1", "v9"])
    with pytest.raises(AnnotationError, match="no video is asked for"):
        timelines(ground_truth, file, tmp_path / "out", videos=[])
    for options in ({"first": 0}, {"top_k": 0}, {"max_tiou": 1.5}):
        with pytest.raises(ConfigError, match="must be at least 1 and 'max_tiou' within 0 and 1"):
            timelines(ground_truth, file, tmp_path / "out", **options)
    for named in ({}, {"ground truth": file}):
        with pytest.raises(ConfigError, match="predictions needs names of systems, other than 'ground truth'"):
            timelines(ground_truth, named, tmp_path / "out")
    assert not (tmp_path / "out").exists()
