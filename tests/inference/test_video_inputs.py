from __future__ import annotations

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


def test_words_that_stand_for_nothing_are_refused(root: Path) -> None:
    with pytest.raises(DataError, match=r"empty: holds no video \(\.avi, \.mkv, \.mov, \.mp4, \.webm\)"):
        find_inputs([root / "empty"])
    with pytest.raises(DataError, match=r"\*\.mov: matches no video"):
        find_inputs([root / "*.mov"])
