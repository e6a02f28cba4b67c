from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datamodules.kinetics import Kinetics600DataModule
from aher_lightning.datasets.moments import MomentDataset
from aher_lightning.errors import AnnotationError, ConfigError, DataError
from tests.helpers.paper_data import CONTRACT, entry, touch, write_activitynet, write_features, write_split
from tests.helpers.real_data import real_data
from tests.helpers.videos import VideoSpec, write_video

DATABASE = {
    "a_train": entry("training", ("Archery", 1.0, 5.0)),
    "a_val": entry("validation", ("Archery", 1.0, 5.0)),
    "both_train": entry("training", ("Zumba", 1.0, 5.0)),
    "both_val": entry("validation", ("Zumba", 1.0, 5.0)),
}

# Class 0 is abseiling, class 9 archery.
SEGMENTS = "k1\t1.5\t3.5\t0\nk1\t5\t6\t9\nboth_train\t2\t3\t9\nboth_val\t2\t3\t9\ngone\t1\t2\t0\n"

CLIPS = (
    "label,youtube_id,time_start,time_end,split\nabseiling,x,1,11,train\narchery,k1,2,12,train\narchery,y,3,13,train\n"
)

STORED = dict.fromkeys(("a_train", "a_val", "both_train", "both_val", "k1"), 20.0)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    kinetics = tmp_path / "kinetics"
    kinetics.mkdir()
    (kinetics / "aher_k600_val_annotation.txt").write_text(SEGMENTS)
    (kinetics / "kinetics-600_train.csv").write_text(CLIPS)
    return kinetics, write_activitynet(tmp_path / "anet", DATABASE)


def from_features(folders: tuple[Path, Path], **options: Any) -> Kinetics600DataModule:
    clips = {f"{name}_{start:06d}_{start + 10:06d}": 10.0 for name, start in (("x", 1), ("k1", 2))}
    store = write_features(folders[0] / "features", STORED | clips)
    return Kinetics600DataModule(*folders, contract=CONTRACT, features=store, **options)


def names(videos: Any) -> list[str]:
    return [video.video_id for video in videos]


def test_who_serves_for_what(folders: tuple[Path, Path]) -> None:
    data = from_features(folders)
    data.setup("fit")
    assert (len(data.untrimmed_categories), len(data.moment_categories)) == (200, 600)
    assert names(data.untrimmed_videos()) == ["a_train"]
    assert sorted(names(data.evaluation_videos())) == ["both_train", "both_val", "k1"]
    assert data.videos["k1"].duration_sec == 20.0
    # "gone" has no features, but is named.
    assert data.num_evaluation_videos == 4
    assert [one.label for one in data.videos["k1"].instances] == ["abseiling", "archery"]


def test_a_video_of_both_data_sets_is_never_trained_on_and_evaluated(folders: tuple[Path, Path]) -> None:
    data = from_features(folders)
    assert [one.label for one in data.videos["both_train"].instances] == ["archery"]
    assert [one.label for one in data.videos["both_val"].instances] == ["Zumba", "archery"]
    assert not set(names(data.untrimmed_videos())) & set(names(data.evaluation_videos()))


def test_every_choice_of_evaluated_categories_has_its_videos(folders: tuple[Path, Path]) -> None:
    untrimmed = from_features(folders, evaluated="untrimmed")
    assert sorted(names(untrimmed.evaluation_videos())) == ["a_val", "both_val"]
    assert untrimmed.num_evaluation_videos == 2
    everything = from_features(folders, evaluated="all")
    assert sorted(names(everything.evaluation_videos())) == ["a_val", "both_train", "both_val", "k1"]
    assert len(everything.categories.names) == 800
    assert everything.num_evaluation_videos == 5


def test_absent_annotated_videos_are_left_out_and_counted_once(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    data = from_features(folders)
    for _ in range(2):
        data.setup("fit")
        data.evaluation_videos()
    (record,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert record.getMessage().endswith("left out 1 of 4 videos without features or file")


def test_clips_that_are_there_and_not_evaluated_are_moments(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    data = from_features(folders)
    assert data.moment_clips() == [TrimmedClip("x_000001_000011", None, "abseiling")]
    assert "left out 2 of 3 training clips: missing, or cut from an evaluated video" in caplog.text


def test_files_serve_without_features_and_tell_durations(folders: tuple[Path, Path]) -> None:
    kinetics, anet = folders
    touch(
        kinetics, "train/archery/y_000003_000013.mp4", "train/archery/._y_000003_000013.mp4", "train/abseiling/own.mp4"
    )
    touch(anet, "videos/v_a_train.mp4")
    (kinetics / "videos").mkdir()
    write_video(kinetics / "videos" / "k1.mp4", VideoSpec(num_frames=30))
    data = Kinetics600DataModule(kinetics, anet, contract=CONTRACT)
    assert names(data.evaluation_videos()) == ["k1"]
    assert data.videos["k1"].duration_sec == pytest.approx(3.0)
    clips = [TrimmedClip("y_000003_000013", None, "archery"), TrimmedClip("abseiling--own", None, "abseiling")]
    assert sorted(data.moment_clips()) == sorted(clips)
    assert data.file_folders() == [anet / "videos", kinetics / "videos", kinetics / "train"]
    assert data.video_paths() == {
        "a_train": anet / "videos" / "v_a_train.mp4",
        "k1": kinetics / "videos" / "k1.mp4",
        "abseiling--own": kinetics / "train" / "abseiling" / "own.mp4",
        "y_000003_000013": kinetics / "train" / "archery" / "y_000003_000013.mp4",
    }


def test_without_any_annotated_video_evaluation_is_refused(folders: tuple[Path, Path]) -> None:
    data = Kinetics600DataModule(*folders, contract=CONTRACT)
    with pytest.raises(DataError, match=r"none of the videos in .*annotation\.txt has features or a file in .*videos"):
        data.evaluation_videos()
    data = Kinetics600DataModule(*folders, contract=CONTRACT, evaluated="untrimmed")
    assert sorted(names(data.evaluation_videos())) == ["a_val", "both_val"]


def test_without_clips_and_list_the_moments_are_refused(folders: tuple[Path, Path]) -> None:
    (folders[0] / "kinetics-600_train.csv").unlink()
    with pytest.raises(DataError, match=r"kinetics: has neither kinetics-600_train\.csv nor the folder 'train'"):
        from_features(folders).moment_clips()


def test_a_category_without_clips_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    split = write_split(tmp_path / "split.json", ["Archery"], ["abseiling", "zumba"])
    data = from_features(folders, split=split, parts=["moments"])
    with pytest.raises(DataError, match="no trimmed clip for zumba; add clips or remove the category"):
        data.train_dataloader()
    assert isinstance(MomentDataset(data.moment_clips(), data.source, ["abseiling"]), MomentDataset)


def test_full_supervision_is_refused(folders: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match=r"Kinetics-600 has no annotated training videos, .* remove 'label_fraction'"):
        from_features(folders, label_fraction=0.5)


def test_a_file_of_activitynet_is_told_from_one_of_kinetics(folders: tuple[Path, Path]) -> None:
    theirs = folders[1] / "activity_net.v1-3.json"
    data = from_features(folders, annotations=theirs)
    with pytest.raises(AnnotationError, match=r"activity_net\.v1-3\.json: line 1: has 1 fields; expected lines of You"):
        data.setup("fit")
    (folders[0] / "kinetics-600_train.csv").write_text(theirs.read_text())
    with pytest.raises(
        AnnotationError, match=r"600_train\.csv: its first line is not a heading; expected a Kinetics list"
    ):
        from_features(folders).moment_clips()
    theirs.write_text(CLIPS)
    with pytest.raises(AnnotationError, match=r"activity_net\.v1-3\.json: is not valid JSON"):
        from_features(folders).setup("fit")


def test_missing_data_is_told_with_the_way_to_get_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    data = Kinetics600DataModule(tmp_path / "nowhere", folders[1], contract=CONTRACT)
    with pytest.raises(DataError, match=r"nowhere: no such data folder; docs/paper_settings\.md .* Kinetics-600"):
        data.setup("fit")


def test_the_real_annotations_share_videos_with_activitynet(tmp_path: Path) -> None:
    segments = real_data("kinetics600/aher_k600_val_annotation.txt")
    ids = {line.split("\t")[0] for line in segments.read_text().splitlines()}
    store = write_features(tmp_path / "features", dict.fromkeys(sorted(ids)[::64], 2.0))
    root, anet = segments.parent, real_data("activitynet")
    data = Kinetics600DataModule(root, anet, contract=CONTRACT, features=store)
    evaluated = {video.video_id for video in data.evaluation_videos()}
    assert evaluated == set(store.video_ids)
    assert not evaluated & {video.video_id for video in data.untrimmed_videos()}


def test_the_folders_are_enough_without_a_list(folders: tuple[Path, Path]) -> None:
    (folders[0] / "kinetics-600_train.csv").unlink()
    touch(folders[0], "train/Archery/y_000003_000013.mp4")
    data = Kinetics600DataModule(*folders, contract=CONTRACT)
    assert data.moment_clips() == [TrimmedClip("y_000003_000013", None, "archery")]
