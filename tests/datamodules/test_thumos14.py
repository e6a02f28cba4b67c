from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datamodules.thumos14 import Thumos14DataModule
from aher_lightning.errors import AnnotationError, DataError
from tests.helpers.paper_data import CONTRACT, entry, touch, write_activitynet, write_split
from tests.helpers.real_data import real_data

DATABASE = {
    "s_train": entry("training", ("Long jump", 1.0, 5.0), ("Long jump", 7.0, 7.0)),
    "h_train": entry("training", ("Cutting the grass", 2.0, 99.0)),
    "s_val": entry("validation", ("Long jump", 1.0, 5.0)),
    "hidden": entry("testing"),
}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    annotations = tmp_path / "thumos" / "annotations"
    for subset, ending in (("validation", "val"), ("test", "test")):
        folder = annotations / f"temporal_annotations_{subset}"
        folder.mkdir(parents=True)
        (folder / f"LongJump_{ending}.txt").write_text(f"video_{subset}_1 1.0 4.0\nvideo_{subset}_1 5.0 99.0\n")
        (folder / f"Diving_{ending}.txt").write_text(f"video_{subset}_2 2.0 3.0\n")
        (folder / f"Ambiguous_{ending}.txt").write_text(f"video_{subset}_2 4.0 5.0\n")
        (annotations / f"{subset}_durations.txt").write_text(
            "".join(f"video_{subset}_{number}.mp4\n30.5\n" for number in (1, 2))
        )
    return tmp_path / "thumos", write_activitynet(tmp_path / "anet", DATABASE)


def data_module(folders: tuple[Path, Path], **options: Any) -> Thumos14DataModule:
    return Thumos14DataModule(*folders, contract=CONTRACT, **options)


def names(videos: Any) -> list[str]:
    return [video.video_id for video in videos]


def test_who_serves_for_what(folders: tuple[Path, Path]) -> None:
    data = data_module(folders)
    data.setup("fit")
    assert (len(data.untrimmed_categories), len(data.moment_categories)) == (20, 200)
    assert names(data.untrimmed_videos()) == ["video_validation_1", "video_validation_2"]
    assert names(data.evaluation_videos()) == ["s_val"]
    assert data.moment_clips() == [
        TrimmedClip("s_train", (1.0, 5.0), "Long jump"),
        TrimmedClip("h_train", (2.0, 60.0), "Cutting the grass"),
    ]
    assert data.videos["video_validation_2"].duration_sec == 30.5
    assert len(data.videos["video_validation_2"].instances) == 1  # "Ambiguous" is none


def test_every_choice_of_evaluated_categories_has_its_videos(folders: tuple[Path, Path]) -> None:
    untrimmed, everything = data_module(folders, evaluated="untrimmed"), data_module(folders, evaluated="all")
    assert names(untrimmed.evaluation_videos()) == ["video_test_1", "video_test_2"]
    assert len(untrimmed.categories.names) == 20
    assert names(everything.evaluation_videos()) == ["video_test_1", "video_test_2", "s_val"]
    assert len(everything.categories.names) == 220


def test_full_supervision_trains_on_the_videos_behind_the_moments(folders: tuple[Path, Path]) -> None:
    data = data_module(folders, label_fraction=1.0)
    assert names(data.untrimmed_videos()) == ["s_train", "h_train"]
    assert names(data.evaluation_videos()) == ["s_val"]
    assert (len(data.categories.untrimmed), data.categories.moment) == (200, [])


def test_files_of_both_data_sets_are_found(folders: tuple[Path, Path]) -> None:
    thumos, anet = folders
    touch(thumos, "videos/video_test_2.mp4", "videos/other.mp4")
    touch(anet, "videos/v_s_val.mkv", "videos/s_train.mp4")
    assert data_module(folders).file_folders() == [thumos / "videos", anet / "videos"]
    assert data_module(folders).video_paths() == {
        "video_test_2": thumos / "videos" / "video_test_2.mp4",
        "s_val": anet / "videos" / "v_s_val.mkv",
    }


def test_missing_data_is_told_with_the_way_to_get_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"nowhere: no such data folder; docs/paper_settings\.md explains how to get THU"
    ):
        data_module((tmp_path / "nowhere", folders[1])).setup("fit")
    with pytest.raises(DataError, match=r"nowhere: no such data folder; .* how to get ActivityNet v1\.3"):
        data_module((folders[0], tmp_path / "nowhere")).setup("fit")
    with pytest.raises(AnnotationError, match="temporal_annotations_validation: has no annotations of THUMOS14"):
        data_module((folders[1], folders[1])).setup("fit")


def test_categories_in_common_can_be_left_out_by_a_split(folders: tuple[Path, Path], tmp_path: Path) -> None:
    split = write_split(tmp_path / "split.json", ["Diving"], ["Cutting the grass"])
    data = data_module(folders, split=split)
    assert names(data.untrimmed_videos()) == ["video_validation_2"]
    assert [clip.video_id for clip in data.moment_clips()] == ["h_train"]


def test_the_real_annotations_give_the_published_counts() -> None:
    data = data_module((real_data("thumos14"), real_data("activitynet")))
    assert (len(data.untrimmed_videos()), len(data.evaluation_videos())) == (200, 4_926 - 2)
    # Nine of the 15,410 training segments have no length; two validation videos have none but such.
    assert len(data.moment_clips()) == 15_410 - 9
    assert {clip.label for clip in data.moment_clips()} == set(data.moment_categories)
    assert len(data_module((data.root, data.activitynet_root), evaluated="untrimmed").evaluation_videos()) == 212
