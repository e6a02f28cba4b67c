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
    require_clips_of,
    scan_moment_folder,
    warn_of_single_clips,
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
    message = (
        r"clap: no folder of moments for category 'clap'; put its clips there.* \(folders found: jump, other, wave\)"
    )
    with pytest.raises(DataError, match=message):
        scan_moment_folder(folder, ["jump", "clap"])
    with pytest.raises(DataError, match="no folder of moments"):
        find_moments(folder, ["clap"])
    (folder / "jump" / "2.avi").touch()
    with pytest.raises(DataError, match=r"2\.mp4: same name as 2\.avi except for the extension; rename"):
        find_moments(folder, ["jump"])


def test_a_misspelt_category_suggests_its_folder(folder: Path) -> None:
    with pytest.raises(DataError, match="for category 'jumps', did you mean 'jump'; put"):
        scan_moment_folder(folder, ["jumps"])
    with pytest.raises(DataError, match=r"none: no such folder of moments; put clips into .*none/<category>"):
        scan_moment_folder(folder / "none", ["jump"])


@pytest.mark.parametrize("name", ["jump/high", "jump\\high", "/jump", "..", ".", ""])
def test_a_category_that_names_no_folder_is_refused(name: str, folder: Path) -> None:
    (folder / "jump" / "high").mkdir()
    for function in (scan_moment_folder, find_moments):
        with pytest.raises(DataError, match=r"category '.*' cannot be the name of a folder in .*; rename it"):
            function(folder, ["wave", name])


def test_every_category_needs_a_clip() -> None:
    clips = [TrimmedClip("a", None, "clap"), TrimmedClip("b", None, "wave")]
    require_clips_of(["wave", "clap"], clips)
    require_clips_of([], clips)
    with pytest.raises(DataError, match=r"no trimmed clip for nod; add clips .* \(categories found: clap, wave\)$"):
        require_clips_of(["clap", "nod"], clips)
    with pytest.raises(DataError, match=r"for Claps, did you mean 'claps'; add .* \(categories found: claps\)$"):
        require_clips_of(["Claps"], clips, ["claps"])
    with pytest.raises(DataError, match=r"no trimmed clip for any category; .* \(categories found: none\)$"):
        require_clips_of([], [])


def test_categories_of_one_clip_are_told(caplog: pytest.LogCaptureFixture) -> None:
    clips = [TrimmedClip(name, None, name[0]) for name in ("a1", "a2", "b1", "c1")]
    warn_of_single_clips(clips)
    line = "2 of 3 categories have a single moment (b, c), too few to learn from; add clips"
    warn_of_single_clips(clips[:2])
    assert caplog.messages == [line]


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
