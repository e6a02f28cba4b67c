from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.annotations.trimmed_clips import (
    TrimmedClip,
    find_moments,
    foreground_clips,
    moment_id,
    name_moments,
    scan_moment_folder,
)
from aher_lightning.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("jump/2.mp4", "jump/10.MKV", "jump/._2.txt", "wave/2.webm", "other/1.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_folders_are_scanned_in_order(folder: Path) -> None:
    clips = scan_moment_folder(folder, ["wave", "jump"])
    assert clips == [
        TrimmedClip("wave--2", None, "wave"),
        TrimmedClip("jump--10", None, "jump"),
        TrimmedClip("jump--2", None, "jump"),
    ]
    files = find_moments(folder, ["wave", "jump"])
    assert list(files) == [clip.video_id for clip in clips]
    assert files["jump--10"] == folder / "jump" / "10.MKV"
    assert moment_id("jump", files["jump--10"]) == "jump--10"


def test_a_missing_folder_and_equal_names_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="clap: no folder of moments for category 'clap'"):
        scan_moment_folder(folder, ["jump", "clap"])
    with pytest.raises(DataError, match="no folder of moments"):
        find_moments(folder, ["clap"])
    (folder / "jump" / "2.avi").touch()
    with pytest.raises(DataError, match=r"2\.mp4: same name as 2\.avi except for the extension; rename"):
        find_moments(folder, ["jump"])


def test_files_are_named_by_category_and_stem() -> None:
    files = [("jump", Path("x/1.mp4")), ("wave", Path("x/1.mp4")), ("jump", Path("y/2.avi"))]
    assert name_moments(files) == {
        "jump--1": Path("x/1.mp4"),
        "wave--1": Path("x/1.mp4"),
        "jump--2": Path("y/2.avi"),
    }
    with pytest.raises(DataError, match=r"1\.mp4: same name as 1\.mp4 except for the extension; rename"):
        name_moments([("jump", Path("x/1.mp4")), ("jump", Path("y/1.mp4"))])


VIDEOS = [
    AnnotatedVideo("a", "training", 30.0, (Instance("jump", 1.0, 4.0), Instance("wave", 10.0, 12.5))),
    AnnotatedVideo("none", "training", 30.0, ()),
    AnnotatedVideo("b", "training", 30.0, (Instance("jump", 0.0, 30.0),)),
]


def test_every_instance_is_a_clip() -> None:
    assert foreground_clips(VIDEOS) == [
        TrimmedClip("a", (1.0, 4.0), "jump"),
        TrimmedClip("a", (10.0, 12.5), "wave"),
        TrimmedClip("b", (0.0, 30.0), "jump"),
    ]


def test_no_videos_no_clips() -> None:
    assert foreground_clips([]) == []
    assert foreground_clips(iter(VIDEOS[1:2])) == []
