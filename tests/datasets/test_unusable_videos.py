from __future__ import annotations

import json
from pathlib import Path

import pytest

from aher_lightning.datasets.unusable_videos import (
    FailureRecords,
    UnusableVideo,
    read_unusable_videos,
)
from aher_lightning.errors import DataError, VideoError
from tests.files.test_owners import dead_owner

A, B = UnusableVideo("a", "videos/a.mp4", "is empty"), UnusableVideo("b", "videos/b.mp4", "ist beschädigt")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    records = FailureRecords(tmp_path)
    for video in (B, A):
        records.note(video)
    records.collect([], is_last=True)
    path = tmp_path / "failures.json"
    assert read_unusable_videos(path) == [A, B]
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "version": 1,
        "unusable": [
            {"video": "a", "path": "videos/a.mp4", "reason": "is empty"},
            {"video": "b", "path": "videos/b.mp4", "reason": "ist beschädigt"},
        ],
    }


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"version": 2, "unusable": []}, "is not a list of unusable videos"),
        ({"version": 1}, "is not a list of unusable videos"),
        ({"version": 1, "unusable": ["a"]}, "is a JSON string, not an object with the strings video, path, rea"),
        ({"version": 1, "unusable": [{"video": "a", "path": "b"}]}, "an unusable video is a JSON object, not"),
        ([], "holds a JSON array where an object"),
    ],
)
def test_other_files_get_one_line(tmp_path: Path, content: object, match: str) -> None:
    path = tmp_path / "failures.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=match) as caught:
        read_unusable_videos(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_failures_nothing_is_written(tmp_path: Path) -> None:
    records = FailureRecords(tmp_path)
    records.forget("a")
    records.collect(["a"], is_last=True)
    assert list(tmp_path.iterdir()) == []
    assert records.known == {}


def test_failures_of_several_processes_end_in_one_list(tmp_path: Path) -> None:
    first, second = FailureRecords(tmp_path), FailureRecords(tmp_path)
    first.note(A)
    assert second.noted_since("a") == A
    assert second.noted_since("b") is None
    first.collect([], is_last=False)
    # The other one is told, although the list has the failure already.
    assert second.noted_since("a") == A
    second.note(B)
    second.collect([], is_last=True)
    assert read_unusable_videos(tmp_path / "failures.json") == [A, B]
    assert [path.name for path in tmp_path.iterdir()] == ["failures.json"]


def test_failures_of_earlier_runs_are_known_and_may_be_mended(tmp_path: Path) -> None:
    earlier = FailureRecords(tmp_path)
    earlier.note(A)
    earlier.collect([], is_last=True)
    killed = FailureRecords(tmp_path)
    killed.note(B)
    records = FailureRecords(tmp_path)
    assert records.known == {"a": A, "b": B}
    assert records.noted_since("b") is None
    records.forget("b")
    records.collect(["a"], is_last=True)
    assert read_unusable_videos(tmp_path / "failures.json") == []


def test_the_lock_of_a_killed_process_goes_although_its_videos_have_been_mended(tmp_path: Path) -> None:
    (tmp_path / "failures.lock").write_text(str(dead_owner()))
    records = FailureRecords(tmp_path)
    records.collect(["a"], is_last=True)
    assert read_unusable_videos(tmp_path / "failures.json") == []
    assert [path.name for path in tmp_path.iterdir()] == ["failures.json"]


def test_collecting_waits_for_another_process_no_longer_than_told(tmp_path: Path) -> None:
    records = FailureRecords(tmp_path)
    records.note(A)
    (tmp_path / "failures.lock").touch()
    records.collect([], is_last=True, patience_sec=0.1)
    assert not (tmp_path / "failures.json").exists()
    (tmp_path / "failures.lock").unlink()
    records.collect([], is_last=True)
    assert read_unusable_videos(tmp_path / "failures.json") == [A]


@pytest.mark.parametrize(
    ("failure", "reason", "kind"),
    [
        (VideoError("v/a.mp4: is empty; copy it again"), "is empty; copy it again", "is empty"),
        (VideoError("out of\n disk: space"), "out of disk: space", "out of disk"),
        (ValueError("odd\nvalue"), "ValueError: odd value", "ValueError"),
        (MemoryError(), "MemoryError", "MemoryError"),
        (
            VideoError("v/a.mp4: not decoded within 60 s; raise"),
            "not decoded within 60 s; raise",
            "not decoded within 60 s",
        ),
    ],
)
def test_reasons_are_one_line_without_the_path(failure: Exception, reason: str, kind: str) -> None:
    video = UnusableVideo.from_failure("a", Path("v/a.mp4"), failure)
    assert video == ("a", "v/a.mp4", reason)
    assert video.kind == kind
