from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.kinetics import (
    clip_id,
    find_kinetics_clips,
    read_kinetics,
    read_kinetics_segments,
    youtube_id,
)
from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.errors import AnnotationError, DataError
from tests.helpers.real_data import real_data

HEADING = "label,youtube_id,time_start,time_end,split"
JSON = '{"version": "1.3", "database": {"a": {"subset": "training"}}}'
CATEGORIES = ["air drumming", "zumba"]


def write(folder: Path, content: str) -> Path:
    path = folder / "file.txt"
    path.write_text(content)
    return path


def test_rows_become_clips(tmp_path: Path) -> None:
    path = write(tmp_path, f'{HEADING},is_cc\nzumba,-a_b,38,48,train,0\n"drums, air",xyz,0,10,train,1\n')
    clips = [TrimmedClip("-a_b_000038_000048", None, "zumba"), TrimmedClip("xyz_000000_000010", None, "drums, air")]
    assert read_kinetics(path) == clips


def test_ids_of_clips_tell_their_video() -> None:
    assert youtube_id(clip_id("a_000001_000002", 5, 15)) == "a_000001_000002"
    assert youtube_id("zumba--7") is None
    assert youtube_id("abc_12_22") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (JSON, "its first line is not a heading; expected a Kinetics list, CSV with the columns label,youtube_id"),
        ("abc\t1.0\t2.0\t0\n", "its first line is not a heading"),
        (f"{HEADING}\nzumba,a,1,2,train\nzumba,b\n", "line 3: '' is not a time in seconds; expected a Kinetics list"),
        (f"{HEADING}\n,a,1,2,train\n", "line 2: has no label"),
        (f"{HEADING}\nzumba,../a,1,2,train\n", "line 2: video id '../a' is no plain file name"),
    ],
)
def test_another_file_is_no_list_of_clips(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=rf"file\.txt: {message}") as error:
        read_kinetics(write(tmp_path, content))
    assert len(str(error.value).splitlines()) == 1


def test_segments_become_videos_of_the_durations_given(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, "b\t1.5\t3\t1\na\t0\t2\t0\nb\t5\t6\t0\n\ngone\t1\t2\t0\n")
    videos = read_kinetics_segments(path, CATEGORIES, {"a": 9.0, "b": 8.5}.get)
    assert list(videos) == ["b", "a"]
    assert videos["b"] == AnnotatedVideo(
        "b", "validation", 8.5, (Instance("zumba", 1.5, 3), Instance("air drumming", 5, 6))
    )
    (record,) = caplog.records
    assert record.getMessage() == f"{path}: left out 1 of 3 videos without features or file"


def test_segments_that_end_before_they_start_follow_the_policy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, "a\t2\t2\t0\na\t1\t2\t0\n")
    with pytest.raises(AnnotationError, match=r"line 1: segment end 2\.0 is not after its start 2\.0"):
        read_kinetics_segments(path, CATEGORIES, {"a": 9.0}.get)
    video = read_kinetics_segments(path, CATEGORIES, {"a": 9.0}.get, on_invalid="drop")["a"]
    assert (video.instances, video.num_dropped) == ((Instance("air drumming", 1, 2),), 1)
    assert f"{path}: left out 1 empty" in caplog.text
    assert len(read_kinetics_segments(path, CATEGORIES, {"a": 9.0}.get, on_invalid="keep")["a"].instances) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (JSON, "line 1: has 1 fields; expected lines of YouTube id, start, end and category index, separated by tabs"),
        (f"{HEADING}\n", "line 1: has 1 fields"),
        ("a\t1\t2\t2\n", "line 1: category index '2' is not one of 0 to 1"),
        ("a\t1\t2\tzumba\n", "line 1: category index 'zumba' is not one of 0 to 1"),
        ("a\t1\ttwo\t0\n", "line 1: 'two' is not a time in seconds"),
    ],
)
def test_another_file_has_no_segments(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=rf"file\.txt: {message}"):
        read_kinetics_segments(write(tmp_path, content), CATEGORIES, lambda _: 9.0)


def test_files_of_kinetics_are_no_activitynet_annotations(tmp_path: Path) -> None:
    for content in (f"{HEADING}\nzumba,a,1,2,train\n", "a\t1\t2\t0\n", "zumba\n"):
        with pytest.raises(
            AnnotationError, match=r"file\.txt: is not valid JSON \(line 1, column 1.*; correct"
        ) as error:
            read_activitynet(write(tmp_path, content))
        assert len(str(error.value).splitlines()) == 1


def test_clip_files_are_found_under_any_spelling(tmp_path: Path) -> None:
    names = (
        "air_drumming/abc_000010_000020.mp4",
        "air_drumming/._abc_000010_000020.mp4",
        "air_drumming/notes.txt",
        "air drumming/own.webm",
        "Zumba/-x_000000_000010.mp4",
        "yoga/y_000000_000010.mp4",
        "stray.mp4",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files = find_kinetics_clips(tmp_path, CATEGORIES)
    assert {clip: path.relative_to(tmp_path).as_posix() for clip, path in files.items()} == {
        TrimmedClip("-x_000000_000010", None, "zumba"): "Zumba/-x_000000_000010.mp4",
        TrimmedClip("air drumming--own", None, "air drumming"): "air drumming/own.webm",
        TrimmedClip("abc_000010_000020", None, "air drumming"): "air_drumming/abc_000010_000020.mp4",
    }
    with pytest.raises(DataError, match=r"nowhere: no such folder of clips; put them there as <category>/<clip>"):
        find_kinetics_clips(tmp_path / "nowhere", CATEGORIES)


def real_categories() -> list[str]:
    """Names of the categories in the order of their indices."""
    text = real_data("kinetics600/k600_category.txt").read_text()
    return [line.strip().replace("_", " ") for line in text.splitlines() if line.strip()]


def test_the_real_lists_have_the_published_counts() -> None:
    clips = read_kinetics(real_data("kinetics600/kinetics-600_val.csv"))
    categories = real_categories()
    assert (len(clips), len(categories)) == (30_000, 600)
    assert {clip.label for clip in clips} == set(categories)


def test_the_real_segments_have_the_published_counts(caplog: pytest.LogCaptureFixture) -> None:
    categories = real_categories()
    path = real_data("kinetics600/aher_k600_val_annotation.txt")
    videos = read_kinetics_segments(path, categories, lambda _: 600.0)
    instances = [one for video in videos.values() for one in video.instances]
    assert (len(videos), len(instances), len({one.label for one in instances})) == (6_461, 9_638, 600)
    assert sum(one.end_sec - one.start_sec < 1 for one in instances) == 33
    assert [record.getMessage() for record in caplog.records] == [f"{path}: kept 13 duplicates"]
    # The order of the category file is that of the indices: the clips cut from the same videos agree.
    labels = {youtube_id(clip.video_id): clip.label for clip in read_kinetics(path.parent / "kinetics-600_val.csv")}
    agree = Counter(labels[name] in {one.label for one in v.instances} for name, v in videos.items() if name in labels)
    assert agree == {True: 3_083, False: 3}
