from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datamodules.activitynet import ActivityNetDataModule
from aher_lightning.errors import AnnotationError, DataError
from aher_lightning.video.contract import TemporalContract
from tests.helpers.paper_data import entry, write_split
from tests.helpers.real_data import real_data

UN, AM = "Long jump", "Cutting the grass"


DATABASE = {
    "a_train": entry("training", (UN, 1.0, 5.0), (UN, 7.0, 7.0)),
    "m_train": entry("training", (AM, 2.0, 99.0), (AM, 3.0, 4.0)),
    "a_val": entry("validation", (UN, 1.0, 5.0)),
    "m_val": entry("validation", (AM, 1.0, 5.0)),
    "hidden": entry("testing"),
}


def data_module(root: Path, database: dict[str, dict[str, object]] | None = None) -> ActivityNetDataModule:
    (root / "videos").mkdir(parents=True)
    content = {"database": DATABASE if database is None else database}
    (root / "activity_net.v1-3.json").write_text(json.dumps(content))
    return ActivityNetDataModule(root, contract=TemporalContract(fps=25.0))


def test_the_split_is_that_of_the_paper(tmp_path: Path) -> None:
    data = data_module(tmp_path / "data")
    assert (len(data.untrimmed_categories), len(data.moment_categories)) == (87, 113)
    assert not set(data.untrimmed_categories) & set(data.moment_categories)
    assert UN in data.untrimmed_categories
    assert AM in data.moment_categories
    assert data.categories.names == data.moment_categories


def test_who_serves_for_what(tmp_path: Path) -> None:
    data = data_module(tmp_path / "data")
    data.setup("fit")
    assert [video.video_id for video in data.untrimmed_videos()] == ["a_train"]
    assert [video.video_id for video in data.evaluation_videos()] == ["m_val"]
    assert data.moment_clips() == [TrimmedClip("m_train", (2.0, 60.0), AM), TrimmedClip("m_train", (3.0, 4.0), AM)]


def test_instances_without_length_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = data_module(tmp_path / "data")
    assert len(data.videos["a_train"].instances) == 1
    assert "left out 1 empty; kept 1 outside the video" in caplog.text


def test_files_carry_a_prefix(tmp_path: Path) -> None:
    data = data_module(tmp_path / "data")
    (tmp_path / "data" / "videos" / "v_m_val.mp4").touch()
    assert data.file_folders() == [tmp_path / "data" / "videos"]
    assert data.video_paths() == {"m_val": tmp_path / "data" / "videos" / "v_m_val.mp4"}


def test_missing_data_is_told_with_the_way_to_get_it(tmp_path: Path) -> None:
    missing = ActivityNetDataModule(tmp_path / "nowhere", contract=TemporalContract(fps=25.0))
    with pytest.raises(DataError, match=r"nowhere: no such data folder; docs/paper_settings\.md explains how"):
        missing.setup("fit")
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(AnnotationError, match=r"activity_net\.v1-3\.json: no such file"):
        missing.setup("fit")


def test_a_label_of_another_data_set_is_refused(tmp_path: Path) -> None:
    data = data_module(tmp_path / "data", {"a": entry("training", ("Flying", 0.0, 1.0))})
    with pytest.raises(AnnotationError, match="label 'Flying' is not among the 200 known categories"):
        data.setup("fit")


def test_every_choice_of_evaluated_categories_has_its_videos(tmp_path: Path) -> None:
    root = data_module(tmp_path / "data").root
    found = {}
    for evaluated in ("untrimmed", "moment", "all"):
        data = ActivityNetDataModule(root, contract=TemporalContract(fps=25.0), evaluated=evaluated)
        found[evaluated] = [video.video_id for video in data.evaluation_videos()]
        assert len(data.categories.names) == {"untrimmed": 87, "moment": 113, "all": 200}[evaluated]
    assert found == {"untrimmed": ["a_val"], "moment": ["m_val"], "all": ["a_val", "m_val"]}


def test_a_split_of_ones_own_leaves_other_labels_out(tmp_path: Path) -> None:
    root = data_module(tmp_path / "data", {**DATABASE, "x": entry("training", ("Flying", 0.0, 1.0))}).root
    split = write_split(tmp_path / "split.json", ["Flying"], [AM])
    data = ActivityNetDataModule(root, split, contract=TemporalContract(fps=25.0))
    assert [video.video_id for video in data.untrimmed_videos()] == ["x"]
    assert data.categories.names == [AM]
    swapped = ActivityNetDataModule(root, split, contract=TemporalContract(fps=25.0), label_fraction=0.5)
    assert [video.video_id for video in swapped.untrimmed_videos()] == ["m_train"]


@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.01])
def test_every_real_category_gives_its_share(fraction: float) -> None:
    root = real_data("activitynet")
    data = ActivityNetDataModule(root, contract=TemporalContract(fps=25.0), label_fraction=fraction)
    chosen = {video.video_id for video in data.untrimmed_videos()}
    expected = 0
    raw = json.loads((root / "activity_net.v1-3.json").read_text())["database"]
    for category in data.moment_categories:
        owners = {
            name
            for name, video in raw.items()
            for one in video["annotations"]
            if video["subset"] == "training" and one["label"] == category and one["segment"][1] > one["segment"][0]
        }
        expected += math.ceil(fraction * len(owners))
        assert len(owners & chosen) == math.ceil(fraction * len(owners)), category
    assert expected - 5 <= len(chosen) <= expected  # five training videos have two of these categories each
