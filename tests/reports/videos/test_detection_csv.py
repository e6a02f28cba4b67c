from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.annotations.csv_table import read_csv_annotations
from aher_lightning.errors import PredictionError
from aher_lightning.reports.videos.detection_csv import read_detection_csv, write_detection_csv
from aher_lightning.reports.videos.detection_rows import DetectionRow
from tests.helpers.detection_cases import LOST_LABELS, hard_rows

ROW = DetectionRow("wave", 0.5, 1.0, 2.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "found.csv"


def test_what_is_read_is_what_was_written(path: Path) -> None:
    rows = {"z": hard_rows(), 'a, "b"': [ROW, ROW._replace(score=-1e-300, start_sec=-3.0)]}
    write_detection_csv(path, rows)
    assert read_detection_csv(path) == rows
    assert list(read_detection_csv(path)) == ["z", 'a, "b"']
    assert list(path.parent.iterdir()) == [path]


def test_a_byte_order_mark_and_other_line_ends_do_not_matter(path: Path) -> None:
    write_detection_csv(path, {"v": [ROW]})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_detection_csv(path) == {"v": [ROW]}


def test_no_detections_leave_the_heading(path: Path) -> None:
    write_detection_csv(path, {"v": []})
    assert path.read_text() == "video,start,end,label,score\n"
    assert read_detection_csv(path) == {}


def test_the_same_file_is_an_annotation_file(path: Path) -> None:
    write_detection_csv(path, {"v": hard_rows(), "w": [ROW]})
    videos = read_csv_annotations(path, on_missing_duration="last_end")
    assert list(videos) == ["v", "w"]
    for video_id, rows in read_detection_csv(path).items():
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 0: has another heading"),
        ("video,start,end,label\nv,1,2,wave\n", "line 1: has another heading"),
        ("video,start,end,label,score\nv,1,2,wave\n", "line 2: has 4 fields, not 5"),
        ("video,start,end,label,score\nv,1,2,wave,nan\n", "line 2: score must be a number"),
        ("video,start,end,label,score\nv,1,2,wave,1\n../v,1,2,wave,1\n", "line 3: video id '../v'"),
        ("video,start,end,label,score\nv,2,1,wave,1\n", "line 2: segment does not end after its start"),
        ('video,start,end,label,score\nv,2,1,"wave,1\n', "line 2: unexpected end of data"),
    ],
)
def test_other_tables_are_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PredictionError, match=f"{message}.*; expected a table with the heading video,start"):
        read_detection_csv(path)


def test_files_that_cannot_be_read(path: Path) -> None:
    with pytest.raises(PredictionError, match=r"found\.csv: cannot be read \(No such file"):
        read_detection_csv(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PredictionError, match=r"found\.csv: is not UTF-8 text"):
        read_detection_csv(path)
