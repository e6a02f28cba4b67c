from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.annotations.activitynet import AnnotatedVideo, Instance, read_activitynet
from aher_lightning.annotations.writer import write_activitynet
from aher_lightning.errors import AnnotationError


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
