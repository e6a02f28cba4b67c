from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.errors import PredictionError
from aher_lightning.inference.finished_videos import SETTINGS_FILE, FinishedVideos

SETTINGS = {"checkpoint": "abc", "top_k": None, "categories": ["nod"]}


def results(folder: Path, *endings: str) -> list[Path]:
    paths = [folder / f"v.{ending}" for ending in endings]
    for path in paths:
        path.touch()
    return paths


def test_a_video_is_done_once_all_its_files_are_there(tmp_path: Path) -> None:
    finished = FinishedVideos(tmp_path, SETTINGS)
    finished.note_settings()
    html, json = tmp_path / "v.html", tmp_path / "v.json"
    assert not finished.has([html, json])
    results(tmp_path, "html")
    assert not finished.has([html, json])
    results(tmp_path, "json")
    assert finished.has([html, json])
    assert FinishedVideos(tmp_path, SETTINGS).has([html, json])


def test_nothing_is_done_where_everything_is_to_be_replaced(tmp_path: Path) -> None:
    FinishedVideos(tmp_path, {"checkpoint": "other"}).note_settings()
    files = results(tmp_path, "json")
    assert not FinishedVideos(tmp_path, SETTINGS, overwrite=True).has(files)


def test_results_of_anything_else_do_not_count(tmp_path: Path) -> None:
    files = results(tmp_path, "json")
    assert not FinishedVideos(tmp_path, SETTINGS).has(files)


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
    assert [path.name for path in (tmp_path / "out").iterdir()] == [SETTINGS_FILE]


def test_older_results_do_not_pass_for_new_ones(tmp_path: Path) -> None:
    FinishedVideos(tmp_path, {"checkpoint": "other"}).note_settings()
    files = results(tmp_path, "json")
    # Interrupted before it came to this video.
    FinishedVideos(tmp_path, SETTINGS, overwrite=True).note_settings([*files, tmp_path / "missing.json"])
    assert not FinishedVideos(tmp_path, SETTINGS).has(files)


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_damaged_settings_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(PredictionError, match=r"\.localize\.json: is damaged.*or add --overwrite"):
        FinishedVideos(tmp_path, SETTINGS)
