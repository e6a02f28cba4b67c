from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from aher_lightning.annotations.activitynet import read_activitynet, write_activitynet
from aher_lightning.annotations.category_lists import read_categories
from aher_lightning.annotations.records import AnnotatedVideo, Instance, InvalidPolicy, check_durations
from aher_lightning.annotations.video_selection import list_categories, restrict
from aher_lightning.errors import AnnotationError

ACTIVITYNET = Path(__file__).parents[3] / "shared" / "data" / "activitynet"

Write = Callable[[object], Path]


def entry(*annotations: tuple[str, float, float], subset: str = "training", duration: object = 10.0) -> object:
    listed = [{"label": label, "segment": [start, end]} for label, start, end in annotations]
    return {"subset": subset, "duration": duration, "annotations": listed, "url": "https://example.org"}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(database: object) -> Path:
        path = tmp_path / "annotations.json"
        path.write_text(json.dumps({"version": "1.3", "database": database}))
        return path

    return write


@pytest.fixture
def videos(write: Write) -> dict[str, AnnotatedVideo]:
    database = {
        "b": entry(("wave", 1, 2), ("jump", 3, 4)),
        "a": entry(("jump", 0, 5), subset="validation"),
        "c": entry(subset="testing"),
    }
    return read_activitynet(write(database))


def test_videos_are_read_in_file_order(videos: dict[str, AnnotatedVideo]) -> None:
    assert list(videos) == ["b", "a", "c"]
    assert videos["b"] == ("b", "training", 10.0, (Instance("wave", 1.0, 2.0), Instance("jump", 3.0, 4.0)), 0, 0, True)
    assert videos["c"].instances == ()
    assert list_categories(videos) == ["wave", "jump"]


def test_numbers_are_not_rounded(write: Write) -> None:
    video = read_activitynet(write({"a": entry(("wave", 0.1 + 0.2, 1 / 3))}))["a"]
    assert video.instances[0][1:] == (0.1 + 0.2, 1 / 3)
    assert video.as_targets({"wave": 0}).segments.tolist() == [[0.1 + 0.2, 1 / 3]]


def test_targets_leave_out_other_categories(videos: dict[str, AnnotatedVideo]) -> None:
    targets = videos["b"].as_targets({"jump": 5})
    assert targets.labels.tolist() == [5]
    assert targets.segments.dtype == torch.float64
    empty = videos["c"].as_targets({"jump": 5})
    assert (empty.segments.shape, empty.scores.shape, empty.labels.dtype) == ((0, 2), (0,), torch.int64)


@pytest.mark.parametrize(
    ("database", "message"),
    [
        (None, '"database" is missing'),
        ([], '"database" is a JSON array'),
        ({"v": []}, "video 'v': is a JSON array where an object is expected"),
        ({"v": {"duration": 1.0, "annotations": []}}, "video 'v': \"subset\" must be a name"),
        ({"v": entry(subset="")}, '"subset" must be a name'),
        ({"v": entry(duration="10 s")}, "\"duration\" must be a number, but is the string '10 s'"),
        ({"v": entry(duration="-10")}, '"duration" must be positive'),
        ({"v": {"subset": "training", "annotations": []}}, "has no duration, which training and diagnosis need"),
        ({"v": entry(duration=None)}, '"duration" must be a number, but is a JSON null'),
        ({"v": entry(duration=0)}, '"duration" must be positive'),
        ({"v": entry(duration=float("inf"))}, '"duration" must be finite'),
        ({"v": {"duration": 1.0, "subset": "training"}}, '"annotations" must be a list'),
        ({"v": {"duration": 1.0, "subset": "training", "annotations": {}}}, '"annotations" must be a list'),
        ({"v": {"duration": 1.0, "subset": "training", "annotations": [7]}}, "annotation 0: is a JSON number"),
        ({"v": entry(("wave", 1, 2), ("wave", 5, 4))}, r"annotation 1: segment end 4\.0 is not after its start 5\.0"),
        ({"v": entry(("wave", 5, 5))}, r"segment end 5\.0 is not after its start 5\.0"),
        ({"v": entry(("wave", float("nan"), 5))}, "segment start must be finite"),
        ({"v": entry(("wave", 1, float("inf")))}, "segment end must be finite"),
        ({"v": entry(("", 1, 2))}, '"label" must be a category name'),
        ({"v": entry((3, 1, 2))}, '"label" must be a category name'),  # type: ignore[arg-type]
        ({"../v": entry()}, r"video id '\.\./v' is no plain file name"),
    ],
)
def test_malformed_entries_are_refused_in_one_line(write: Write, database: object, message: str) -> None:
    path = write(database)
    with pytest.raises(AnnotationError, match=message) as caught:
        read_activitynet(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("segment", [None, [], [1], [1, 2, 3], "12", {"start": 1}, [[1], 2], [True, 2], ["1:07", 2]])
def test_malformed_segments_are_refused(write: Write, segment: object) -> None:
    annotation = {"label": "wave", "segment": segment}
    path = write({"v": {"subset": "training", "duration": 9, "annotations": [annotation]}})
    with pytest.raises(AnnotationError, match=r"annotation 0: .*segment"):
        read_activitynet(path)


@pytest.mark.parametrize(("content", "message"), [("", "is empty"), ("{", "not valid JSON"), ("[]", "JSON array")])
def test_files_that_are_no_json_object_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "annotations.json"
    with pytest.raises(AnnotationError, match="no such file"):
        read_activitynet(path)
    path.write_text(content)
    with pytest.raises(AnnotationError, match=message):
        read_activitynet(path)


def test_labels_outside_the_split_are_refused(write: Write) -> None:
    path = write({"v": entry(("wave", 1, 2), ("jump\n", 3, 4))})
    message = r"video 'v': annotation 1: label 'jump\\n' is not among the 2 known categories"
    with pytest.raises(AnnotationError, match=message):
        read_activitynet(path, categories=["wave", "jump"])
    assert len(read_activitynet(path, categories=["wave", "jump\n"])["v"].instances) == 2


def test_invalid_instances_can_be_dropped_and_are_counted(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    path = write({"v": entry(("wave", 1, 2), ("wave", 3, 3), ("wave", 5, 4)), "w": entry(("wave", 0, 0))})
    with caplog.at_level(logging.WARNING):
        videos = read_activitynet(path, on_invalid="drop")
    assert [(len(video.instances), video.num_dropped) for video in videos.values()] == [(1, 2), (0, 1)]
    assert [record.getMessage() for record in caplog.records] == [f"{path}: left out 2 empty, 1 reversed"]


def test_one_line_counts_every_kind_of_odd_segment(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    spans = [("a", -1.0, 2.0), ("a", 9.0, 11.0), ("b", 1.0, 2.0), ("b", 1.0, 2.0), ("c", 1.0, 2.0), ("b", 1.0, 2.0)]
    path = write({"v": entry(*spans, ("a", 3, 3)), "w": entry(("b", 1.0, 2.0), ("b", 0.0, 10.0))})
    kept = read_activitynet(path, on_invalid="keep")["v"]
    dropped = read_activitynet(path, on_invalid="drop")["v"]
    # Segments outside the video and duplicates stay as they are; the same span under another label is no duplicate.
    assert dropped.instances == kept.instances[:-1] == tuple(spans)
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: kept 1 empty, 2 outside the video, 2 duplicates",
        f"{path}: left out 1 empty; kept 2 outside the video, 2 duplicates",
    ]
    caplog.clear()
    read_activitynet(write({"v": entry(("a", 0, 10), ("b", 0, 10))}))
    assert not caplog.records


def test_numbers_may_be_strings(write: Write) -> None:
    annotation = {"label": "wave", "segment": ["67.5", "7.19e1"]}
    video = read_activitynet(write({"v": {"subset": "test", "duration": "80", "annotations": [annotation]}}))["v"]
    assert (video.duration_sec, video.instances) == (80.0, (Instance("wave", 67.5, 71.9),))


def test_a_video_of_unknown_duration_lasts_until_its_last_instance(write: Write) -> None:
    instances = [{"label": "wave", "segment": span} for span in ([3, 8], [1, 2])]
    path = write({"v": {"subset": "test", "annotations": instances}, "w": {"subset": "test", "annotations": []}})
    videos = read_activitynet(path, on_missing_duration="last_end")
    assert [(video.duration_sec, video.has_duration) for video in videos.values()] == [(8.0, False), (0.0, False)]
    with pytest.raises(AnnotationError, match=r"annotations\.json: video 'v': has no duration.*folder of THUMOS14$"):
        read_activitynet(path)


def test_a_video_with_a_duration_keeps_it(write: Write) -> None:
    videos = read_activitynet(write({"v": entry(("wave", 1, 12))}), on_missing_duration="last_end")
    assert (videos["v"].duration_sec, videos["v"].has_duration) == (10.0, True)
    check_durations("file", videos.values())
    with pytest.raises(AnnotationError, match="file: video 'v': has no duration"):
        check_durations("file", [videos["v"]._replace(has_duration=False)])


def test_a_table_is_told_which_layout_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("video,start,end,label\nv,1,2,wave\n")
    message = r'truth\.csv: is not valid JSON \(line 1, .*expected \{"database": \{video id: \{"subset", "duration"'
    with pytest.raises(AnnotationError, match=message) as caught:
        read_activitynet(path)
    assert "\n" not in str(caught.value)


def test_instances_of_no_length_can_be_kept_but_not_reversed_ones(write: Write) -> None:
    videos = read_activitynet(write({"v": entry(("wave", 3, 3))}), on_invalid="keep")
    assert videos["v"].instances == (("wave", 3.0, 3.0),)
    with pytest.raises(AnnotationError, match="is not after its start"):
        read_activitynet(write({"v": entry(("wave", 3, 2))}), on_invalid="keep")


def test_reading_gives_back_the_same_videos(tmp_path: Path) -> None:
    videos = [
        AnnotatedVideo(
            "v é", "training", 1 / 3, (Instance("jump", 0.1, 0.30000000000000004), Instance("run", -1.0, 9.0))
        ),
        AnnotatedVideo("empty", "test", 5.0, ()),
    ]
    write_activitynet(tmp_path / "new" / "a.json", videos)
    assert list(read_activitynet(tmp_path / "new" / "a.json").values()) == videos


def test_an_unknown_duration_stays_unknown(tmp_path: Path) -> None:
    video = AnnotatedVideo("v", "test", 2.0, (Instance("jump", 1.0, 2.0),), has_duration=False)
    write_activitynet(tmp_path / "a.json", [video])
    assert read_activitynet(tmp_path / "a.json", on_missing_duration="last_end") == {"v": video}
    with pytest.raises(AnnotationError, match="has no duration"):
        read_activitynet(tmp_path / "a.json")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AnnotationError, match="cannot be written"):
        write_activitynet(tmp_path / "file" / "a.json", [])


@pytest.fixture(scope="module")
def real_file() -> Path:
    path = ACTIVITYNET / "activity_net.v1-3.json"
    if not path.exists():
        pytest.skip("the ActivityNet annotations are not beside the repository")
    return path


def test_real_file_has_the_published_counts(real_file: Path) -> None:
    videos = read_activitynet(real_file, on_invalid="keep")
    subsets = Counter(video.subset for video in videos.values())
    assert subsets == {"training": 10_024, "validation": 4_926, "testing": 5_044}
    instances = Counter(video.subset for video in videos.values() for _ in video.instances)
    assert instances == {"training": 15_410, "validation": 7_654}
    assert len(list_categories(videos)) == 200
    late = [one for video in videos.values() for one in video.instances if one.end_sec > video.duration_sec + 0.5]
    assert len(late) == 20


def test_real_file_has_twelve_instances_of_no_length(real_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AnnotationError, match=r"video 'ZZVrH3Hv1fM': annotation 0: segment end 0\.0 is not after"):
        read_activitynet(real_file)
    videos = read_activitynet(real_file, on_invalid="drop")
    (record,) = caplog.records
    assert record.getMessage().endswith("left out 12 empty; kept 1733 outside the video, 49 duplicates")
    assert sum(video.num_dropped for video in videos.values()) == 12
    instances = Counter(video.subset for video in videos.values() for _ in video.instances)
    assert instances == {"training": 15_410 - 9, "validation": 7_654 - 3}


@pytest.mark.parametrize(
    ("group", "subset", "on_invalid", "num_videos", "num_instances"),
    [
        ("un", "training", "keep", 4_611, 7_772),
        ("am", "training", "keep", 5_413, 7_638),
        # One validation video has labels of both groups.
        ("un", "validation", "keep", 2_292 + 1, 3_876),
        ("am", "validation", "keep", 2_633 + 1, 3_778),
        ("un", "training", "drop", 4_608, 7_769),
    ],
)
def test_real_file_splits_as_published(
    real_file: Path, group: str, subset: str, on_invalid: InvalidPolicy, num_videos: int, num_instances: int
) -> None:
    categories = read_categories(ACTIVITYNET / "un_am_split.json", group)
    chosen = restrict(read_activitynet(real_file, on_invalid=on_invalid), subset=subset, categories=categories)
    assert (len(chosen), sum(len(video.instances) for video in chosen.values())) == (num_videos, num_instances)
