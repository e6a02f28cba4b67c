from __future__ import annotations

import json
from pathlib import Path

import pytest

from aher_lightning.datasets.quarantine import Quarantine, read_quarantine
from aher_lightning.errors import AnnotationError, DataError


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("check.json", '{"version": 1, "files": 9, "unusable": [{"video": "a", "path": "a.mp4"}, {"video": "b"}]}'),
        ("run.jsonl", '{"video": "a", "path": "", "reason": "broken"}\n\n{"video": "b"}\n{"video": "a"}\n'),
        ("list.json", '["a", "b"]'),
        ("keys.json", '{"a": "broken", "b": ""}'),
        ("list.txt", "# broken\na\nb\n"),
    ],
)
def test_every_layout_names_the_same_videos(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert read_quarantine(tmp_path / name) == {"a", "b"}


def test_a_check_that_found_nothing_leaves_nothing_out(tmp_path: Path) -> None:
    (tmp_path / "check.json").write_text('{"version": 1, "unusable": []}')
    assert read_quarantine(tmp_path / "check.json") == frozenset()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"unusable": {"a": 1}}', r'a\.json: "unusable" is a JSON object; expected a list of \{"video"'),
        ("a.json", '{"unusable": ["a"]}', r"a\.json: entry 0 names no video; expected"),
        ("a.json", '{"unusable": [{"video": "../a"}]}', r"a\.json: entry 0: video id '\.\./a' is no plain file name"),
        ("a.jsonl", '{"video": "a"}\n{"vid', r"a\.jsonl: line 2 is not valid JSON; expected"),
        ("a.jsonl", "[]\n", r"a\.jsonl: line 1 names no video; expected"),
        ("a.txt", "# nothing\n", r"a\.txt: lists no video"),
    ],
)
def test_other_files_are_refused(name: str, content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(AnnotationError, match=message):
        read_quarantine(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    for name in ("a.json", "a.jsonl", "a.txt"):
        with pytest.raises(AnnotationError, match="no such file"):
            read_quarantine(tmp_path / name)


def test_a_video_is_reported_once_and_the_file_can_be_handed_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run" / "quarantine.jsonl"
    quarantine = Quarantine(path, {"a": Path("videos/a.mp4")})
    for reason in ("a.mp4: is cut off; mend it", "something else"):
        quarantine.add("a", reason)
    quarantine.add("b", "no features")
    assert ("a" in quarantine, "c" in quarantine, len(quarantine)) == (True, False, 2)
    assert lines(path) == [
        {"video": "a", "path": "videos/a.mp4", "reason": "a.mp4: is cut off; mend it"},
        {"video": "b", "path": "", "reason": "no features"},
    ]
    assert caplog.messages[0] == "quarantined video 'a': a.mp4: is cut off; mend it"
    assert len(caplog.messages) == 2
    assert read_quarantine(path) == {"a", "b"}


def test_processes_of_a_run_report_a_video_once_but_each_finds_out_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (Quarantine(tmp_path / "q.jsonl") for _ in range(2))
    first.add("a", "broken")
    assert "a" not in second
    second.add("a", "broken")
    assert "a" in second
    assert len(lines(tmp_path / "q.jsonl")) == len(caplog.messages) == 1


def test_a_new_run_reports_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        Quarantine(tmp_path / "q.jsonl").add("a", "broken")
    assert len(lines(tmp_path / "q.jsonl")) == len(caplog.messages) == 2


def test_without_a_file_videos_are_remembered(caplog: pytest.LogCaptureFixture) -> None:
    quarantine = Quarantine()
    quarantine.add("a", "broken")
    assert "a" in quarantine
    assert caplog.messages == ["quarantined video 'a': broken"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"q\.jsonl: cannot be written .*; choose another 'default_root_dir'"):
        Quarantine(tmp_path / "file" / "q.jsonl").add("a", "broken")
