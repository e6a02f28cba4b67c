from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest

from aher_lightning.errors import PredictionError
from aher_lightning.inference.finished_videos import _RECORD_FILE, _SETTINGS_FILE, FinishedVideos
from aher_lightning.inference.video_inputs import VideoInput

SETTINGS = {"checkpoint": "abc", "top_k": None, "categories": ["nod"]}


@pytest.fixture
def video(tmp_path: Path) -> VideoInput:
    path = tmp_path / "in" / "v.mp4"
    path.parent.mkdir()
    path.write_bytes(b"one")
    return VideoInput(path, PurePath("sub/v"))


def results(folder: Path, *endings: str) -> list[Path]:
    paths = [folder / f"v.{ending}" for ending in endings]
    for path in paths:
        path.touch()
    return paths


def finish(folder: Path, video: VideoInput, *, clips: Path | None = None) -> list[Path]:
    """Localize a video, in name."""
    finished = FinishedVideos(folder, SETTINGS, clips=clips)
    finished.note_settings()
    files = results(folder, "json")
    finished.add(video)
    return files


def test_a_video_is_done_once_all_its_files_are_there_and_it_is_noted(tmp_path: Path, video: VideoInput) -> None:
    finished = FinishedVideos(tmp_path, SETTINGS)
    finished.note_settings()
    html, json = tmp_path / "v.html", tmp_path / "v.json"
    assert not finished.has(video, [html, json])
    results(tmp_path, "html", "json")
    assert not FinishedVideos(tmp_path, SETTINGS).has(video, [html, json])
    finished.add(video)
    assert FinishedVideos(tmp_path, SETTINGS).has(video, [html, json])
    html.unlink()
    assert not FinishedVideos(tmp_path, SETTINGS).has(video, [html, json])


def test_nothing_is_done_where_everything_is_to_be_replaced(tmp_path: Path, video: VideoInput) -> None:
    files = finish(tmp_path, video)
    assert FinishedVideos(tmp_path, SETTINGS).has(video, files)
    assert not FinishedVideos(tmp_path, SETTINGS, overwrite=True).has(video, files)


def test_results_of_anything_else_do_not_count(tmp_path: Path, video: VideoInput) -> None:
    files = results(tmp_path, "json")
    assert not FinishedVideos(tmp_path, SETTINGS).has(video, files)


def test_a_file_that_has_changed_is_done_again(tmp_path: Path, video: VideoInput) -> None:
    files = finish(tmp_path, video)
    video.path.write_bytes(b"another")
    assert not FinishedVideos(tmp_path, SETTINGS).has(video, files)
    finish(tmp_path, video)
    assert FinishedVideos(tmp_path, SETTINGS).has(video, files)
    os.utime(video.path, ns=(0, 1))
    assert not FinishedVideos(tmp_path, SETTINGS).has(video, files)
    video.path.unlink()
    assert not FinishedVideos(tmp_path, SETTINGS).has(video, files)


def test_another_video_of_the_same_name_is_refused(tmp_path: Path, video: VideoInput) -> None:
    files = finish(tmp_path, video)
    other = video._replace(path=tmp_path / "v.mp4")
    other.path.write_bytes(b"another")
    with pytest.raises(PredictionError, match=r"has results of another video of this name, .*in/v\.mp4; "):
        FinishedVideos(tmp_path, SETTINGS).has(other, files)
    assert not FinishedVideos(tmp_path, SETTINGS, overwrite=True).has(other, files)
    # The same video elsewhere is the same video.
    other.path.unlink()
    video.path.rename(other.path)
    assert FinishedVideos(tmp_path, SETTINGS).has(other, files)


def test_clips_that_are_missing_make_a_video_unfinished(tmp_path: Path, video: VideoInput) -> None:
    files, clips = finish(tmp_path, video), tmp_path / "clips"
    assert not FinishedVideos(tmp_path, SETTINGS, clips=clips).has(video, files)
    finish(tmp_path, video, clips=clips)
    assert FinishedVideos(tmp_path, SETTINGS, clips=clips).has(video, files)
    assert FinishedVideos(tmp_path, SETTINGS).has(video, files)
    assert not FinishedVideos(tmp_path, SETTINGS, clips=tmp_path / "others").has(video, files)


def test_a_damaged_line_costs_one_video(tmp_path: Path, video: VideoInput) -> None:
    files = finish(tmp_path, video)
    other = video._replace(name=PurePath("other"))
    finish(tmp_path, other)
    content = (tmp_path / _RECORD_FILE).read_bytes()
    (tmp_path / _RECORD_FILE).write_bytes(b'[]\n{"name": "x"}\n\xff\n' + content[:-9])
    assert FinishedVideos(tmp_path, SETTINGS).has(video, files)
    assert not FinishedVideos(tmp_path, SETTINGS).has(other, files)


def test_results_of_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    FinishedVideos(tmp_path, SETTINGS).note_settings()
    other = {**SETTINGS, "checkpoint": "xyz", "top_k": 5}
    with pytest.raises(PredictionError, match="made with another checkpoint and top_k; choose another --output, or"):
        FinishedVideos(tmp_path, other)
    FinishedVideos(tmp_path, other, overwrite=True).note_settings()
    FinishedVideos(tmp_path, other)


def test_settings_are_written_when_there_is_something_to_write(tmp_path: Path) -> None:
    finished = FinishedVideos(tmp_path / "out", SETTINGS)
    assert not (tmp_path / "out").exists()
    finished.note_settings()
    finished.note_settings()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [_SETTINGS_FILE]


def test_older_results_do_not_pass_for_new_ones(tmp_path: Path, video: VideoInput) -> None:
    files = finish(tmp_path, video)
    other = {**SETTINGS, "top_k": 5}
    # Interrupted before it came to this video.
    FinishedVideos(tmp_path, other, overwrite=True).note_settings([*files, tmp_path / "missing.json"])
    assert not files[0].exists()
    # Nor do those of a video that was not asked for.
    files[0].touch()
    assert not FinishedVideos(tmp_path, other).has(video, files)


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_damaged_settings_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / _SETTINGS_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(PredictionError, match=r"\.localize\.json: is damaged.*or add --overwrite"):
        FinishedVideos(tmp_path, SETTINGS)
