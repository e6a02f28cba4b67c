from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from aher_lightning.annotations.layouts import AnnotationLayout, annotation_layout, read_annotations
from aher_lightning.annotations.records import Instance
from aher_lightning.annotations.thumos14 import read_thumos14
from aher_lightning.annotations.video_selection import restrict
from aher_lightning.errors import AnnotationError
from tests.helpers.paper_data import entry
from tests.helpers.real_data import real_data

JSON = json.dumps({"database": {"v": entry("test", ("wave", 1, 2))}})
TABLE = "video,start,end,label,duration\nv,1,2,wave,60\n"


@pytest.mark.parametrize(
    ("name", "content", "layout"),
    [
        ("truth.json", TABLE, "activitynet"),
        ("truth.csv", JSON, "table"),
        ("truth.TSV", JSON, "table"),
        ("truth.txt", f"\ufeff\n {JSON}", "activitynet"),
        ("truth", "[]", "activitynet"),
        ("truth.txt", f"\ufeff{TABLE}", "table"),
        ("truth", "", "activitynet"),
    ],
)
def test_the_ending_decides_else_the_first_character(
    tmp_path: Path, name: str, content: str, layout: AnnotationLayout
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert annotation_layout(tmp_path / name) == layout


def test_a_folder_is_that_of_thumos14_and_a_missing_file_json(tmp_path: Path) -> None:
    assert annotation_layout(tmp_path) == "thumos14"
    assert annotation_layout(tmp_path / "missing") == "activitynet"
    with pytest.raises(AnnotationError, match="missing: no such file"):
        read_annotations(tmp_path / "missing", subset="test")


@pytest.mark.parametrize(("name", "content"), [("a.json", JSON), ("a.csv", TABLE), ("a.txt", JSON), ("b.txt", TABLE)])
def test_all_layouts_say_the_same(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    videos = read_annotations(tmp_path / name, subset="test")
    assert videos == {"v": ("v", "test", 60.0, (Instance("wave", 1, 2),), 0, 0, True)}


def test_policies_reach_every_reader(tmp_path: Path) -> None:
    table, layout = tmp_path / "a.csv", tmp_path / "a.json"
    table.write_text("video,start,end,label\nv,2,2,wave\n")
    annotation = {"label": "wave", "segment": ["2", "2"]}
    layout.write_text(json.dumps({"database": {"v": {"subset": "test", "annotations": [annotation]}}}))
    for path in (table, layout):
        videos = read_annotations(path, subset="test", on_invalid="keep", on_missing_duration="last_end")
        assert videos == {"v": ("v", "test", 2.0, (Instance("wave", 2, 2),), 0, 0, False)}
        with pytest.raises(AnnotationError, match="is not after its start"):
            read_annotations(path, subset="test", on_missing_duration="last_end")
        with pytest.raises(AnnotationError, match="video 'v': has no duration"):
            read_annotations(path, subset="test", on_invalid="keep")


def test_a_folder_needs_one_of_its_subsets(tmp_path: Path) -> None:
    with pytest.raises(
        AnnotationError,
        match="is a folder of THUMOS14 annotations, which has no subset 'training'; choose 'validation' or 'test'",
    ):
        read_annotations(tmp_path, subset="training")
    with pytest.raises(AnnotationError, match="has no annotations of THUMOS14"):
        read_annotations(tmp_path, subset="test")


def test_the_real_json_of_thumos14_has_its_counts_and_the_segments_of_the_folder() -> None:
    path = real_data("thumos14/thumos_gt.json")
    videos = read_annotations(path, subset="test", on_missing_duration="last_end")
    assert Counter(video.subset for video in videos.values()) == {"train": 200, "test": 210}
    instances = Counter(video.subset for video in videos.values() for _ in video.instances)
    assert instances == {"train": 3_007, "test": 3_311}
    assert not any(video.has_duration for video in videos.values())
    original = read_thumos14(real_data("thumos14/annotations"), "test")
    ours = restrict(videos, subset="test")
    assert len(set(original) - set(ours)) == 2
    same = sum(sorted(video.instances) == sorted(original[name].instances) for name, video in ours.items())
    assert same == 210
    with pytest.raises(AnnotationError, match=r"thumos_gt\.json: video 'video_.*': has no duration"):
        read_annotations(path, subset="test")
