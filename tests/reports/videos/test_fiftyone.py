from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from aher_lightning.errors import PredictionError
from aher_lightning.reports.videos.fiftyone import VideoFrames, export_fiftyone
from aher_lightning.structures import Detections

FRAMES = VideoFrames(fps=10, num_frames=50)
EMPTY = Detections(torch.zeros(0, 2), torch.zeros(0), torch.zeros(0, dtype=torch.int64))


def detections(*rows: tuple[float, float, float, int]) -> Detections:
    starts, ends, scores, labels = (torch.tensor(column) for column in zip(*rows, strict=True))
    return Detections(torch.stack([starts, ends], dim=1), scores, labels)


@pytest.mark.parametrize(
    ("start_sec", "end_sec", "support"),
    [
        (0.0, 5.0, (1, 50)),
        (0.0, 0.1, (1, 1)),
        (0.1, 0.2, (2, 2)),
        (0.15, 0.25, (2, 3)),
        (-3.0, 0.05, (1, 1)),
        (-3.0, -2.0, (1, 1)),
        (4.95, 99.0, (50, 50)),
        (70.0, 80.0, (50, 50)),
        (1.0, 1.0, (11, 11)),
    ],
)
def test_a_segment_reaches_the_frames_that_it_overlaps(
    start_sec: float, end_sec: float, support: tuple[int, int]
) -> None:
    assert FRAMES.support(start_sec, end_sec) == support


def test_segments_of_whole_frames_come_back_in_single_precision() -> None:
    for first in range(1, 50):
        start_sec, end_sec = torch.tensor([(first - 1) / 10, (first + 1) / 10]).tolist()
        assert FRAMES.support(start_sec, end_sec) == (first, first + 1)


def test_the_folder_has_the_layout_that_fiftyone_reads(tmp_path: Path) -> None:
    first, second = tmp_path / "v.1.mp4", tmp_path / "v2.mp4"
    found = {first: detections((0.2, 0.5, 0.75, 1), (1.0, 3.0, 0.5, 0)), second: EMPTY}
    export_fiftyone(tmp_path / "out", found, ["run", "jump"], dict.fromkeys(found, FRAMES))
    labels = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert labels == {
        "classes": ["run", "jump"],
        "labels": {
            "v.1": [
                {"label": 1, "support": [3, 5], "confidence": 0.75},
                {"label": 0, "support": [11, 30], "confidence": 0.5},
            ],
            "v2": [],
        },
    }
    data = json.loads((tmp_path / "out" / "data.json").read_text())
    assert data == {"v.1.mp4": str(first), "v2.mp4": str(second)}
    assert {Path(name).stem for name in data} == labels["labels"].keys()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((0.0, 1.0, 0.5, 2), "detection 0: label is not among the 2 categories"),
        ((0.0, 1.0, 0.5, -1), "detection 0: label is not among"),
        ((0.0, float("inf"), 0.5, 0), "detection 0: segment or score is not finite"),
        ((0.0, 1.0, float("nan"), 0), "detection 0: segment or score is not finite"),
    ],
)
def test_wrong_detections_are_named(tmp_path: Path, row: tuple[float, float, float, int], message: str) -> None:
    with pytest.raises(PredictionError, match=f"out: not written: video .*v.mp4: {message}"):
        export_fiftyone(
            tmp_path / "out", {tmp_path / "v.mp4": detections(row)}, ["a", "b"], {tmp_path / "v.mp4": FRAMES}
        )
    assert not (tmp_path / "out").exists()


def test_videos_of_one_name_or_without_frames_are_refused(tmp_path: Path) -> None:
    same = {tmp_path / "a" / "v.mp4": EMPTY, tmp_path / "b" / "v.mkv": EMPTY}
    with pytest.raises(PredictionError, match="two videos are named 'v'"):
        export_fiftyone(tmp_path, same, [], dict.fromkeys(same, FRAMES))
    one = {tmp_path / "v.mp4": EMPTY}
    for frames in ({}, dict.fromkeys(one, VideoFrames(25, 0)), dict.fromkeys(one, VideoFrames(float("nan"), 5))):
        with pytest.raises(PredictionError, match=r"frame rate and frame count of .*v.mp4 are unknown"):
            export_fiftyone(tmp_path, one, [], frames)
