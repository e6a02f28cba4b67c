from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest

from aher_lightning.errors import DataError
from aher_lightning.inference.video_inputs import find_inputs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("b.mp4", "a.MKV", "notes.txt", "day1/cam.mp4", "day2/cam.mp4", "day2/deep/x.avi", "odd.v1.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(*words: Path) -> list[str]:
    return [video.name.as_posix() for video in find_inputs(words)]


def test_files_are_taken_in_the_order_given_whatever_their_ending(root: Path) -> None:
    assert names(root / "b.mp4", root / "notes.txt", root / "missing.mp4") == ["b", "notes", "missing"]
    assert find_inputs([root / "b.mp4"])[0].path == root / "b.mp4"


def test_a_folder_stands_for_all_videos_below_it(root: Path) -> None:
    assert names(root) == ["a", "b", "day1/cam", "day2/cam", "day2/deep/x", "odd.v1"]
    assert names(root / "day2") == ["cam", "deep/x"]


def test_what_is_not_taken_is_told(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "day2" / "._cam.mp4").touch()
    assert names(root / "day2", root / "*.*") == ["cam", "deep/x", "a", "b", "odd.v1"]
    assert caplog.messages == [
        f"{root / 'day2'}: skipped 1 file that is not a video (._* 1)",
        f"{root / '*.*'}: skipped 1 file that is not a video (.txt 1)",
    ]


def test_a_pattern_stands_for_what_it_matches(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(root / "*.mp4") == ["b", "odd.v1"]
    assert names(root / "day?" / "deep" / "*") == ["x"]
    assert names(root / "**" / "x.avi") == ["x"]
    monkeypatch.chdir(root)
    assert names(Path("d*2/*.mp4")) == ["cam"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "clip [1].mp4"
    path.touch()
    assert find_inputs([path])[0] == (path, PurePath("clip [1]"))


def test_the_same_file_by_different_ways_is_taken_once(root: Path) -> None:
    assert names(root / "b.mp4", root / "day1" / ".." / "b.mp4", root / "*.mp4") == ["b", "odd.v1"]


def test_results_never_share_a_name(root: Path) -> None:
    with pytest.raises(DataError, match=r"cam\.mp4: two of the videos have the same name"):
        find_inputs([root / "day1" / "cam.mp4", root / "day2" / "cam.mp4"])
    with pytest.raises(DataError, match="two of the videos have the same name"):
        find_inputs([root / "day1", root / "day2"])


@pytest.mark.parametrize("name", ["tab\there.mp4", "esc\x1b[31m.mp4", os.fsdecode(b"caf\xe9.mp4"), f"{'x' * 201}.mp4"])
def test_names_that_cannot_be_told_are_refused_before_any_work(tmp_path: Path, name: str) -> None:
    for one in ("good.mp4", name):
        (tmp_path / one).touch()
    with pytest.raises(DataError, match=r"video id '.* is no plain file name; rename the video") as failure:
        find_inputs([tmp_path / "good.mp4", tmp_path / name])
    assert str(failure.value).isprintable()


def test_a_pattern_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("Invalid pattern: '**' can only be an entire path component")

    monkeypatch.setattr(Path, "glob", refuse)  # newer versions of Python take what older ones refuse
    with pytest.raises(DataError, match=r"\*\*\.mp4: is no pattern \(Invalid pattern.*; give one such as"):
        find_inputs([tmp_path / "**.mp4"])


def test_words_that_stand_for_nothing_are_refused(root: Path) -> None:
    with pytest.raises(DataError, match=r"empty: holds no video \(\.3gp, \.avi, .*, \.wmv\); correct it"):
        find_inputs([root / "empty"])
    with pytest.raises(DataError, match=r"\*\.mov: matches no video"):
        find_inputs([root / "*.mov"])


def test_a_pattern_of_features_finds_files_of_features(tmp_path: Path) -> None:
    for name in ("a.npy", "b.npy", "c.mp4"):
        (tmp_path / name).touch()
    assert [one.path.name for one in find_inputs([tmp_path / "*.npy"])] == ["a.npy", "b.npy"]
    assert [one.path.name for one in find_inputs([tmp_path / "*"])] == ["c.mp4"]
