from __future__ import annotations

import csv
from pathlib import Path

import pytest

from aher_lightning.annotations.csv_annotations import read_csv_annotations
from aher_lightning.errors import PredictionError
from aher_lightning.reports.videos.detection_csv import write_detection_csv
from aher_lightning.reports.videos.detection_rows import DetectionRow
from tests.helpers.detection_cases import LOST_LABELS, hard_rows

ROW = DetectionRow("wave", 0.5, 1.0, 2.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "found.csv"


def read(path: Path) -> dict[str, list[DetectionRow]]:
    found: dict[str, list[DetectionRow]] = {}
    with path.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            numbers = (float(row[name]) for name in ("score", "start", "end"))
            found.setdefault(row["video"], []).append(DetectionRow(row["label"], *numbers))
    return found


def test_what_is_read_is_what_was_written(path: Path) -> None:
    rows = {"z": hard_rows(), 'a, "b"': [ROW, ROW._replace(score=-1e-300, start_sec=-3.0)]}
    write_detection_csv(path, rows)
    assert read(path) == rows
    assert list(read(path)) == ["z", 'a, "b"']
    assert list(path.parent.iterdir()) == [path]


def test_no_detections_leave_the_heading(path: Path) -> None:
    write_detection_csv(path, {"v": []})
    assert path.read_text() == "video,start,end,label,score\n"


def test_the_same_file_is_an_annotation_file(path: Path) -> None:
    write_detection_csv(path, {"v": hard_rows(), "w": [ROW]})
    videos = read_csv_annotations(path, on_missing_duration="last_end")
    assert list(videos) == ["v", "w"]
    for video_id, rows in read(path).items():
        expected = [(row.label, row.start_sec, row.end_sec) for row in rows]
        assert [tuple(one) for one in videos[video_id].instances] == expected


@pytest.mark.parametrize(
    ("video_id", "row", "message"),
    [
        ("..", ROW, "is no plain file name"),
        ("v", ROW._replace(end_sec=1.0), "prediction 0: segment does not end after its start"),
        *[("v", ROW._replace(label=label), "prediction 0: label .* rename the category") for label in LOST_LABELS],
    ],
)
def test_what_a_table_cannot_hold_is_not_written(path: Path, video_id: str, row: DetectionRow, message: str) -> None:
    with pytest.raises(PredictionError, match=message) as caught:
        write_detection_csv(path, {video_id: [row]})
    assert str(caught.value).startswith(f"{path}: not written: video {video_id!r}: ")
    assert list(path.parent.iterdir()) == []
