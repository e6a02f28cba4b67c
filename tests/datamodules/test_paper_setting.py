from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datamodules.paper_setting import (
    PaperSettingDataModule,
    find_activitynet_videos,
    read_activitynet_folder,
)
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import AnnotationError, ConfigError, DataError
from tests.helpers.paper_data import CONTRACT, entry, touch, write_activitynet, write_split

VIDEOS = {
    "t": AnnotatedVideo("t", "training", 9.0, (Instance("Archery", 1.0, 2.0), Instance("Zumba", 3.0, 99.0))),
    "v": AnnotatedVideo("v", "validation", 9.0, (Instance("Zumba", 1.0, 2.0),)),
}


class Setting(PaperSettingDataModule):
    """Two videos, read as often as they are asked for."""

    def __init__(self, split: Path | None = None, **options: Any) -> None:
        super().__init__("anet_un_am", split, contract=CONTRACT, **options)
        self.num_reads = 0

    def read_videos(self) -> dict[str, AnnotatedVideo]:
        self.num_reads += 1
        return VIDEOS

    def video_paths(self) -> dict[str, Path]:
        return {}


def test_annotations_are_read_once_and_not_before_they_are_asked_for() -> None:
    data = Setting()
    assert data.num_reads == 0
    assert len(data.categories.names) == 113
    data.setup("fit")
    assert data.videos == VIDEOS
    assert data.num_reads == 1


def test_a_split_of_ones_own_replaces_the_shipped_one(tmp_path: Path) -> None:
    data = Setting(write_split(tmp_path / "split.json", ["Archery"], ["Zumba"]))
    assert (data.untrimmed_categories, data.moment_categories) == (["Archery"], ["Zumba"])
    assert data.moment_clips() == [TrimmedClip("t", (3.0, 9.0), "Zumba")]
    assert [len(video.instances) for video in data.untrimmed_videos()] == [1]
    assert data.known_labels(["Archery"]) is None
    assert Setting().known_labels(["Archery"], ["Zumba"]) == ["Archery", "Zumba"]


def test_a_category_in_both_sets_is_refused(tmp_path: Path) -> None:
    split = write_split(tmp_path / "split.json", ["Archery", "Zumba"], ["Zumba"])
    with pytest.raises(ConfigError, match=r"split\.json: category 'Zumba' is in both category sets; leave it in one"):
        Setting(split)


def test_a_misspelt_category_is_named(tmp_path: Path) -> None:
    data = Setting(write_split(tmp_path / "split.json", ["Archery", "Arching"], ["Zumba"]))
    with pytest.raises(AnnotationError, match=r"split\.json: no annotated video has the category 'Arching'; correct"):
        data.setup("fit")


def test_a_moment_category_without_moments_is_named(tmp_path: Path) -> None:
    data = Setting(write_split(tmp_path / "split.json", ["Archery"], ["Zumba", "Tango"]), parts=["moments"])
    data.source = VideoFolder({"t": tmp_path / "t.mp4"}, CONTRACT)
    with pytest.raises(DataError, match="no trimmed clip for Tango; add clips or remove the category"):
        data.train_dataloader()


def test_activitynet_is_read_without_instances_of_no_length(tmp_path: Path) -> None:
    database = {"a": entry("training", ("Archery", 1.0, 1.0), ("Archery", 2.0, 3.0))}
    root = write_activitynet(tmp_path / "anet", database)
    assert read_activitynet_folder(root, None)["a"].instances == (Instance("Archery", 2.0, 3.0),)
    with pytest.raises(AnnotationError, match="label 'Archery' is not among the 1 known categories"):
        read_activitynet_folder(root, ["Zumba"])
    with pytest.raises(DataError, match=r"nowhere: no such data folder; docs/paper_settings\.md explains how"):
        read_activitynet_folder(tmp_path / "nowhere", None)


def test_files_of_activitynet_carry_a_prefix(tmp_path: Path) -> None:
    touch(tmp_path, "videos/v_a.mp4", "videos/b.mp4")
    assert find_activitynet_videos(tmp_path, ["a", "b"]) == {"a": tmp_path / "videos" / "v_a.mp4"}


def test_a_split_is_json(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text(json.dumps(["Archery"]))
    with pytest.raises(AnnotationError, match=r"split\.json: has no groups; leave out the group 'untrimmed'"):
        Setting(path)
