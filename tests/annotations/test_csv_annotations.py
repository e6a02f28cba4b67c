from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aher_lightning.annotations.csv_annotations import COLUMN_NAMES, read_csv_annotations
from aher_lightning.annotations.records import Instance
from aher_lightning.errors import AnnotationError

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str) -> Path:
        path = tmp_path / "truth.csv"
        path.write_bytes(content.encode())
        return path

    return write


def test_lines_of_a_video_are_put_together(write: Write) -> None:
    path = write(
        "video,start,end,label,duration,subset\nb,1,2.5,wave,10,test\na,0,3,jump,20,training\nb,4,6,jump,10.0,test\n"
    )
    videos = read_csv_annotations(path)
    assert list(videos) == ["b", "a"]
    assert videos["b"] == ("b", "test", 10.0, (Instance("wave", 1, 2.5), Instance("jump", 4, 6)), 0, 0, True)
    assert (videos["a"].subset, videos["a"].duration_sec) == ("training", 20.0)


@pytest.mark.parametrize(
    ("column", "spelling"),
    [(column, name) for column, names in COLUMN_NAMES.items() for name in (*names, f" {names[-1].upper()} ")],
)
def test_columns_go_by_every_name_and_in_any_order(write: Write, column: str, spelling: str) -> None:
    names = {name: name for name in reversed(list(COLUMN_NAMES))} | {column: spelling}
    values = {"video": "v", "start": "1", "end": "2", "label": "wave", "duration": "9", "subset": "test"}
    heading, line = (",".join(text) for text in (names.values(), [values[name] for name in names]))
    videos = read_csv_annotations(write(f"{heading},comment\n{line},none\n"))
    assert videos == {"v": ("v", "test", 9.0, (Instance("wave", 1, 2),), 0, 0, True)}


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffvideo,start,end,label,duration\r\nv,1,2,wave,9\r\n\r\n",
        "\ufeffvideo\tt-start\tt-end\tclass\tduration\nv\t1\t2\twave\t9\n",
        '\n"video", "start", "end", "label", "duration"\n"v", "1", "2", "wave", "9"',
    ],
)
def test_separators_marks_and_quotes_make_no_difference(write: Write, content: str) -> None:
    videos = read_csv_annotations(write(content), subset="validation")
    assert videos == {"v": ("v", "validation", 9.0, (Instance("wave", 1, 2),), 0, 0, True)}


def test_labels_may_hold_separators_and_quotes(write: Write) -> None:
    path = write('video,start,end,label,duration\nv,1,2,"wave, then ""bow""",9\nv,3,4,Größe ändern,\n')
    assert [one.label for one in read_csv_annotations(path)["v"].instances] == ['wave, then "bow"', "Größe ändern"]


def test_durations_may_be_missing_where_the_caller_allows_it(write: Write) -> None:
    path = write("video,start,end,label,duration\nv,1,2,wave,\nv,3,8,wave,\nw,0,1,wave,\nw,2,3,wave,7\n")
    videos = read_csv_annotations(path, on_missing_duration="last_end")
    assert [(video.duration_sec, video.has_duration) for video in videos.values()] == [(8.0, False), (7.0, True)]
    assert {video.subset for video in videos.values()} == {"all"}
    with pytest.raises(AnnotationError, match=r"truth\.csv: video 'v': has no duration, which training"):
        read_csv_annotations(path)


def test_odd_segments_follow_the_policy_and_are_counted(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    path = write("video,start,end,label,duration\nv,1,1,wave,9\nv,5,4,wave,9\nv,8,10,wave,9\nv,8,10,wave,9\n")
    with pytest.raises(
        AnnotationError, match=r"line 2: segment end 1\.0 is not after its start 1\.0; correct or remove"
    ):
        read_csv_annotations(path)
    with pytest.raises(AnnotationError, match=r"line 3: segment end 4\.0 is not after its start 5\.0"):
        read_csv_annotations(path, on_invalid="keep")
    assert len(read_csv_annotations(path, on_invalid="drop")["v"].instances) == 2
    (record,) = caplog.records
    assert record.getMessage() == f"{path}: left out 1 empty, 1 reversed; kept 2 outside the video, 1 duplicates"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; expected a table with the heading video,start,end,label"),
        ("video,start,end,label\n", "has no line below its heading; expected a table"),
        ("v,1,2,wave\n", "line 1: the heading has no column 'video' or 'video_id' or 'id'; expected a table"),
        ("video;start;end;label\n", "line 1: the heading has no column 'video'"),
        ("video,start,end\nv,1,2\n", "line 1: the heading has no column 'label' or 'class' or 'category'"),
        ("video,id,start,end,label\n", "line 1: the columns 'video' and 'id' could both be the video; rename one"),
        ("video,start,end,label\nv,1,2\n", "line 2: has 3 fields, the heading 4; quote a field that holds"),
        ("video,start,end,label\n\nv,1,2,wave,5\n", "line 3: has 5 fields"),
        ('video,start,end,label\nv,1,2,"wave\nv,3,4,jump"\n', r"line 2: cannot be split into fields \(unexpected end"),
        ("video,start,end,label\nv,one,2,wave\n", "line 2: start must be a number, but is the string 'one'"),
        ('video,start,end,label\nv,1,"2,5",wave\n', "line 2: end must be a number, but is the string '2,5'"),
        ("video,start,end,label\nv,1,nan,wave\n", "line 2: end must be a number, but is the string 'nan'"),
        ("video,start,end,label\nv,1,1e999,wave\n", "line 2: end must be finite"),
        ("video,start,end,label\nv,1,,wave\n", "line 2: end must be a number, but is the string ''"),
        ("video,start,end,label\nv,1,2,\n", "line 2: has no label; name the category"),
        ("video,start,end,label\n../v,1,2,wave\n", r"line 2: video id '\.\./v' is no plain file name"),
        ("video,start,end,label,subset\nv,1,2,wave,\n", "line 2: has no subset; name it, or leave out the column"),
        ("id,start,end,label,subset\nv,1,2,a,x\nv,1,2,b,y\n", "line 3: subset 'y' is 'x' in lines above; keep one"),
        ("id,start,end,label,duration\nv,1,2,a,5\nv,1,2,b,6\n", r"line 3: duration 6\.0 is 5\.0 in lines above; keep"),
        ("id,start,end,label,duration\nv,1,2,a,0\n", r"line 2: duration must be positive, but is 0\.0"),
        ('{"database": {}}', "line 1: the heading has no column 'video'"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(write: Write, content: str, message: str) -> None:
    path = write(content)
    with pytest.raises(AnnotationError, match=message) as caught:
        read_csv_annotations(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such file; expected a table with the heading"):
        read_csv_annotations(tmp_path / "missing.csv")
