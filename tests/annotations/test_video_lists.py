from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from aher_lightning.annotations.layouts import read_annotations
from aher_lightning.annotations.video_lists import read_video_list
from aher_lightning.errors import AnnotationError
from tests.helpers.real_data import real_data


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.json", '["a-1", "b_2"]'),
        ("object.json", '{"a-1": "private", "b_2": null}'),
        ("lines.txt", "# withdrawn\na-1\n\n  b_2  \n"),
        ("lines", "b_2\na-1\na-1\n"),
        ("table.csv", "subset,Video\ntraining,a-1\n\nvalidation, b_2\n"),
        ("prefixed.csv", "video,seconds\nv_a-1,3\nv_b_2,4\n"),
    ],
)
def test_all_layouts_say_the_same(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert read_video_list(tmp_path / name) == {"a-1", "b_2"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '"v"', r"a\.json: holds a JSON string; expected a JSON list of video ids"),
        ("a.json", '["v", 3]', r"a\.json: entry 1 is a JSON number"),
        ("a.json", "[]", r"a\.json: lists no video"),
        ("a.json", "[", r"a\.json: is not valid JSON"),
        ("a.txt", "# nothing\n", r"a\.txt: lists no video"),
        ("a.txt", "\n", r"a\.txt: is empty"),
        ("a.csv", "name,seconds\na,3\n", r"the heading has 0 columns 'video' or 'video_id' or 'id', but needs one"),
        ("a.csv", "video,id\na,3\n", "the heading has 2 columns"),
        ("a.csv", "n,video\n1,a\n2\n", "row 3 has no video; correct"),
        ("a.csv", "video\n", r"a\.csv: lists no video"),
        ("a.txt", "../x\n", r"a\.txt: video id '\.\./x' is no plain file name"),
    ],
)
def test_unusable_lists_are_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(AnnotationError, match=message) as failure:
        read_video_list(tmp_path / name)
    assert "\n" not in str(failure.value)


def test_a_prefix_that_not_all_ids_have_belongs_to_the_id(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("video\nv_a\nb\n")
    assert read_video_list(tmp_path / "table.csv") == {"v_a", "b"}


def test_the_published_list_of_activitynet_is_a_part_of_its_annotations() -> None:
    listed = read_video_list(real_data("activitynet/video_info_new.csv"))
    videos = read_annotations(
        real_data("activitynet/activity_net.v1-3.json"), subset="validation", on_invalid="keep"
    ).values()
    assert len(listed) == 19_228
    counts = Counter(video.subset for video in videos if video.video_id in listed)
    assert counts == {"training": 9_649, "validation": 4_728, "testing": 4_851}


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    for name in ("missing.json", "missing.txt"):
        with pytest.raises(AnnotationError, match=rf"{name}: no such file"):
            read_video_list(tmp_path / name)
