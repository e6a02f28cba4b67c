from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.annotations.records import Instance
from aher_lightning.annotations.thumos14 import AMBIGUOUS, Thumos14Subset, read_thumos14
from aher_lightning.annotations.video_selection import list_categories
from aher_lightning.errors import AnnotationError
from tests.helpers.real_data import real_data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    annotations = tmp_path / "temporal_annotations_validation"
    annotations.mkdir()
    (annotations / "CliffDiving_val.txt").write_text("v_2  11.3 14.1\n")
    (annotations / "Diving_val.txt").write_text("v_2  11.3 14.1\nv_1  3.0 4.5\n\n")
    (annotations / "Ambiguous_val.txt").write_text("v_1  7.0 8.0\nv_3  1.0 2.0\n")
    (annotations / "notes.txt").write_text("not annotations\n")
    (tmp_path / "validation_durations.txt").write_text("v_1.mp4\n10.5\n/far/away/v_2.mp4\n20\nv_3.mp4\n5.0\n")
    return tmp_path


def test_a_file_per_category_becomes_videos(folder: Path) -> None:
    videos = read_thumos14(folder, "validation")
    assert list(videos) == ["v_1", "v_2"]
    assert videos["v_1"] == ("v_1", "validation", 10.5, (Instance("Diving", 3.0, 4.5),), 0, 0, True)
    # The same dive under two names is legal.
    assert videos["v_2"].instances == (Instance("CliffDiving", 11.3, 14.1), Instance("Diving", 11.3, 14.1))
    assert videos["v_2"].duration_sec == 20.0


def test_ambiguous_instances_can_be_kept(folder: Path) -> None:
    videos = read_thumos14(folder, "validation", with_ambiguous=True)
    assert list(videos) == ["v_1", "v_2", "v_3"]
    assert videos["v_3"].instances == (Instance(AMBIGUOUS, 1.0, 2.0),)


def test_reversed_and_empty_segments_follow_the_policy(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = folder / "temporal_annotations_validation" / "Diving_val.txt"
    path.write_text("v_1 3.0 3.0\nv_1 1.0 2.0\n")
    with pytest.raises(AnnotationError, match=r"Diving_val\.txt: line 1: segment end 3\.0 is not after its start 3\.0"):
        read_thumos14(folder, "validation")
    dropped = read_thumos14(folder, "validation", on_invalid="drop")["v_1"]
    assert (dropped.instances, dropped.num_dropped) == ((Instance("Diving", 1.0, 2.0),), 1)
    assert "left out 1 empty" in caplog.text
    assert len(read_thumos14(folder, "validation", on_invalid="keep")["v_1"].instances) == 2
    path.write_text("v_1 3.0 2.0\n")
    with pytest.raises(AnnotationError, match="is not after its start"):
        read_thumos14(folder, "validation", on_invalid="keep")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("v_1 3.0", "line 2: has 2 fields; expected lines of video, start and end"),
        ("v_1 3.0 four", "line 2: 'four' is not a time in seconds"),
        ("../v_1 3.0 4.0", "line 2: video id '../v_1' is no plain file name"),
        ('{"database": {"v_1": {"subset": "training"}}}', "line 2: has 4 fields"),
    ],
)
def test_a_line_of_something_else_is_named(folder: Path, line: str, message: str) -> None:
    path = folder / "temporal_annotations_validation" / "Diving_val.txt"
    path.write_text(f"v_1 1.0 2.0\n{line}\n")
    with pytest.raises(AnnotationError, match=rf"Diving_val\.txt: {message}"):
        read_thumos14(folder, "validation")


def test_missing_annotations_and_durations_are_told(folder: Path) -> None:
    with pytest.raises(AnnotationError, match=r"temporal_annotations_test: has no annotations of THUMOS14"):
        read_thumos14(folder, "test")
    durations = folder / "validation_durations.txt"
    durations.write_text("v_1.mp4\n10.5\n")
    with pytest.raises(AnnotationError, match=r"validation_durations\.txt: has no duration for video 'v_2'; add it"):
        read_thumos14(folder, "validation")
    durations.unlink()
    with pytest.raises(
        AnnotationError,
        match=r"validation_durations\.txt: no such file; expected alternating lines of a video name and",
    ):
        read_thumos14(folder, "validation")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("v_1.mp4\n", "the last video has no duration"),
        ("v_1.mp4\nlong\n", "'long' is not a time in seconds"),
        ("v_1.mp4\n0\n", "duration 0 is not positive"),
    ],
)
def test_odd_durations_are_refused(folder: Path, content: str, message: str) -> None:
    (folder / "validation_durations.txt").write_text(content)
    with pytest.raises(AnnotationError, match=rf"validation_durations\.txt: .*{message}"):
        read_thumos14(folder, "validation")


@pytest.mark.parametrize(
    ("subset", "num_videos", "num_instances", "num_beyond"), [("validation", 200, 3_007, 4), ("test", 212, 3_358, 26)]
)
def test_the_real_files_have_the_published_counts(
    subset: Thumos14Subset, num_videos: int, num_instances: int, num_beyond: int
) -> None:
    videos = read_thumos14(real_data("thumos14/annotations"), subset)
    instances = [(one, video) for video in videos.values() for one in video.instances]
    assert (len(videos), len(instances), len(list_categories(videos))) == (num_videos, num_instances, 20)
    assert sum(one.end_sec > video.duration_sec for one, video in instances) == num_beyond


def test_one_real_test_video_has_ambiguous_instances_alone() -> None:
    folder = real_data("thumos14/annotations")
    plain, more = read_thumos14(folder, "test"), read_thumos14(folder, "test", with_ambiguous=True)
    assert set(more) - set(plain) == {"video_test_0001292"}
    assert len(list_categories(more)) == 21


def test_every_real_cliff_dive_is_also_a_dive() -> None:
    videos = read_thumos14(real_data("thumos14/annotations"), "validation").values()
    spans = {
        name: {(v.video_id, *i[1:]) for v in videos for i in v.instances if i.label == name}
        for name in ("CliffDiving", "Diving")
    }
    assert len(spans["CliffDiving"]) > 100
    assert len(spans["CliffDiving"] - spans["Diving"]) == 0
