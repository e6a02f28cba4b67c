from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from aher_lightning.datasets.unusable_videos import UnusableVideo
from aher_lightning.errors import DataError
from aher_lightning.reports.video_check import CategoryClips, DurationDifference, VideoCheck

CHECK = VideoCheck(
    usable=7,
    missing=["e", "f"],
    unusable=[
        UnusableVideo("a", "videos/a.mp4", "is truncated, it holds 3 of 5 frames; copy or download it again"),
        UnusableVideo("b", "videos/b.mp4", "its decoder crashed (signal SIGSEGV); convert or remove the file"),
        UnusableVideo("c", "videos/c.mp4", "is truncated, it holds 1 of 9 frames; copy or download it again"),
    ],
    duration_differs=[DurationDifference("x", 12.0, 10.5), DurationDifference("y", 8.0, 60.25)],
    unmatched={"moments, no name like 'a_*'": [Path("m/x.mp4"), Path("m/y.mp4")]},
    clips=[CategoryClips("clap", 3, 3), CategoryClips("nod", 2, 1)],
)


def shown(check: VideoCheck | Table, width: int = 120) -> list[str]:
    written = io.StringIO()
    table = check.table() if isinstance(check, VideoCheck) else check
    Console(file=written, width=width, highlight=False).print(table)
    return [line.rstrip() for line in written.getvalue().splitlines() if line.strip()]


def test_the_file_holds_everything(tmp_path: Path) -> None:
    CHECK.write(tmp_path / "new" / "check.json")
    content = json.loads((tmp_path / "new" / "check.json").read_text())
    names = ["version", "videos", "usable", "missing", "unusable", "duration_differs", "unmatched", "clips"]
    assert list(content) == names
    assert (content["version"], content["videos"], content["usable"]) == (1, 12, 7)
    assert content["missing"] == ["e", "f"]
    assert content["unusable"][1] == {
        "video": "b",
        "path": "videos/b.mp4",
        "reason": "its decoder crashed (signal SIGSEGV); convert or remove the file",
    }
    assert content["duration_differs"][0] == {"video": "x", "annotated_sec": 12.0, "file_sec": 10.5}
    assert CHECK.files == 10
    assert content["unmatched"] == {"moments, no name like 'a_*'": ["m/x.mp4", "m/y.mp4"]}
    assert content["clips"][1] == {"category": "nod", "clips": 2, "usable": 1}


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "check.json").mkdir()
    with pytest.raises(DataError, match=r"check\.json: cannot be written"):
        CHECK.write(tmp_path / "check.json")


def test_the_table_counts_by_reason() -> None:
    lines = shown(CHECK)
    assert lines[0] == "12 videos"
    assert [line.split("  ")[0] for line in lines[3:]] == [
        "usable",
        "",
        "annotated, but no file",
        "unusable: is truncated",
        "unusable: its decoder crashed",
        "left out: moments, no name like 'a_*'",
    ]
    assert lines[-1].endswith("2  x.mp4, y.mp4")
    assert lines[4].split(maxsplit=4)[4].split(maxsplit=1) == ["2", "y (8.0 s, file 60.2 s), x (12.0 s, file 10.5 s)"]
    assert lines[6].endswith("2  a, c")


def test_the_table_names_the_first_few() -> None:
    missing = [f"video_{number}" for number in range(1000)]
    lines = shown(VideoCheck(0, missing, [], []))
    assert lines[-1].endswith("1000  video_0, video_1, video_2, ...")
    assert len(lines) == 5
    assert max(len(line) for line in shown(CHECK, width=60)) <= 60


def test_categories_of_the_fewest_clips_come_first() -> None:
    lines = shown(CHECK.clip_table())
    assert lines[0] == "moments per category"
    assert [line.split() for line in lines[3:]] == [["nod", "2", "1"], ["clap", "3", "3"]]


def test_of_many_categories_the_rest_is_summed() -> None:
    clips = [CategoryClips(f"category_{number}", number, number - 1) for number in range(1, 601)]
    lines = shown(VideoCheck(0, [], [], [], clips=clips).clip_table())
    assert len(lines) == 24
    assert lines[-1].split() == ["580", "more", str(sum(range(21, 601))), str(sum(range(20, 600)))]


def test_what_files_are_called_does_not_steer_the_terminal() -> None:
    unusable = [UnusableVideo("[red]a\x1b[2J", "a.mp4", "is [bold]odd\x1b[1m")]
    text = "\n".join(shown(VideoCheck(0, [], unusable, [])))
    assert "[red]a\N{REPLACEMENT CHARACTER}[2J" in text
    assert "unusable: is [bold]odd" in text
    assert "\x1b" not in text
