from __future__ import annotations

import csv
from pathlib import Path, PurePath
from typing import Any

import pytest
import torch

from aher_lightning.annotations.records import Instance
from aher_lightning.errors import ConfigError
from aher_lightning.reports.predictions.reader import read_predictions
from aher_lightning.reports.videos.detection_rows import DetectionRow
from aher_lightning.reports.videos.outputs import (
    BEST_ROWS,
    FORMATS,
    VideoReport,
    output_files,
    parse_formats,
    write_outputs,
)
from aher_lightning.structures import Detections

NAMES = ["nod", "<b>wave</b>"]


def report(count: int = 30, **changes: Any) -> VideoReport:
    """Detections side by side, each followed by a weaker one of nearly the same segment."""
    starts = torch.arange(count).double().repeat_interleave(2)
    segments = torch.stack([starts, starts + 0.9], dim=1)
    segments[1::2, 1] -= 0.05
    scores = torch.linspace(0.9, 0.1, 2 * count)
    found = Detections(segments, scores, torch.arange(2 * count) % 2)
    return VideoReport(Path("films/v1.mp4"), float(count), found, NAMES)._replace(**changes)


def test_formats_are_named_once_and_json_comes_last() -> None:
    assert parse_formats("json") == ["json"]
    assert parse_formats("JSON,.srt, html,srt") == ["srt", "html", "json"]
    assert parse_formats(",".join(FORMATS))[-1] == "json"
    for wrong in ("doc", "json;srt", ""):
        with pytest.raises(ConfigError, match=r"unknown format .*choose from json, csv, srt, vtt, html"):
            parse_formats(wrong)


def test_files_are_named_after_the_video() -> None:
    files = output_files(Path("out"), PurePath("day1/odd.v1"), ["srt", "json"])
    assert files == {"srt": Path("out/day1/odd.v1.srt"), "json": Path("out/day1/odd.v1.json")}


def test_all_formats_tell_the_same(tmp_path: Path) -> None:
    told = report(ground_truth=[Instance("nod", 1.0, 2.0)])
    files = output_files(tmp_path, PurePath("sub/v1"), parse_formats(",".join(FORMATS)))
    write_outputs(files, told)
    assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == sorted(f"v1.{ending}" for ending in FORMATS)
    read = read_predictions(files["json"], NAMES).detections["v1"]
    assert read.segments.tolist() == told.detections.segments.tolist()
    with files["csv"].open(encoding="utf-8", newline="") as table:
        assert [float(row["score"]) for row in csv.DictReader(table)] == told.detections.scores.double().tolist()
    best = told.best()
    for ending in ("srt", "vtt"):
        assert files[ending].read_text(encoding="utf-8").count(" --> ") == len(best)
    page = files["html"].read_text(encoding="utf-8")
    assert "<b>wave" not in page
    assert "v1.mp4" in page


def test_few_are_shown_and_none_twice() -> None:
    best = report().best()
    assert len(best) == BEST_ROWS
    assert len({row.start_sec for row in best}) == BEST_ROWS
    assert best == sorted(best, key=lambda row: -row.score)
    assert len(report(num_windows=2).best()) == 2 * BEST_ROWS
    assert isinstance(best[0], DetectionRow)


def test_a_video_without_detections_has_files_too(tmp_path: Path) -> None:
    nothing = Detections(torch.empty(0, 2), torch.empty(0), torch.empty(0, dtype=torch.int64))
    files = output_files(tmp_path, PurePath("v1"), parse_formats(",".join(FORMATS)))
    write_outputs(files, report(detections=nothing))
    assert all(path.is_file() for path in files.values())
