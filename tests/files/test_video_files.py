from __future__ import annotations

import logging
from pathlib import Path

import pytest

from aher_lightning.errors import DataError
from aher_lightning.files.video_files import VIDEO_SUFFIXES, choose_videos, find_by_stem, is_video, list_videos


def make(root: Path, *names: str) -> Path:
    """Make empty files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_a_video_is_told_by_its_ending_in_any_case() -> None:
    wanted = {"mp4", "mkv", "webm", "avi", "mov", "m4v", "mpg", "mpeg", "ts", "wmv", "flv", "3gp", "ogv"}
    assert set(VIDEO_SUFFIXES) == {f".{ending}" for ending in wanted}
    for ending in VIDEO_SUFFIXES:
        assert is_video(Path(f"x/a.b{ending}"))
        assert is_video(Path(f"x/a{ending.upper()}"))
        assert not is_video(Path(f"x/._a{ending}"))
        assert not is_video(Path(f"x/{ending}"))
    assert not any(is_video(Path(name)) for name in ("a", "a.mp4.part", "a.tsx", "mp4", ".DS_Store"))


def test_videos_are_listed_by_folder_and_name(tmp_path: Path) -> None:
    make(tmp_path, "b.mp4", "a.MPG", "z/c.ts", "y/d.wmv", "y/deep/e.ogv")
    (tmp_path / "folder.mp4").mkdir()
    assert list_videos(tmp_path) == [tmp_path / "a.MPG", tmp_path / "b.mp4"]
    assert list_videos(tmp_path, [tmp_path / "z", tmp_path / "y"]) == [tmp_path / "z/c.ts", tmp_path / "y/d.wmv"]
    names = [path.name for path in list_videos(tmp_path, below=True)]
    assert names == ["a.MPG", "b.mp4", "d.wmv", "e.ogv", "c.ts"]
    assert list_videos(tmp_path / "folder.mp4") == []
    with pytest.raises(DataError, match="nowhere: no such folder of videos; put the video files there"):
        list_videos(tmp_path / "nowhere")


def test_what_is_no_video_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(tmp_path, "a.mp4", "._a.mp4", "b/._a.TXT", "b/1.TXT", "b/2.txt", "b/3.txt", "b/c.mkv", "README")
    for _ in range(2):
        assert len(list_videos(tmp_path, below=True)) == 2
    line = f"{tmp_path}: skipped 6 files that are no videos (.txt 3, ._* 2, README 1)"
    assert caplog.messages == [line]
    assert caplog.records[0].levelno == logging.WARNING
    caplog.clear()
    list_videos(tmp_path / "b", [])
    make(tmp_path, *(f"many/a.{kind}" for kind in "abcdef"))
    assert choose_videos(tmp_path / "many", [tmp_path / "many" / "x.jpg"]) == []
    list_videos(tmp_path / "many")
    assert caplog.messages == [
        f"{tmp_path / 'many'}: skipped 1 file that is no video (.jpg 1)",
        f"{tmp_path / 'many'}: skipped 6 files that are no videos (.a 1, .b 1, .c 1, .d 1, .e 1, ...)",
    ]


def test_of_several_files_of_one_name_the_likeliest_counts(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "a.ts", "b.ts", "c.avi", "c.webm", "._d.mp4")
    found = find_by_stem(tmp_path)
    assert {name: path.name for name, path in found.items()} == {"a": "a.mp4", "b": "b.ts", "c": "c.webm"}
