"""The benchmark of decoding measures every reader that is there, and finds wrong pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from aher_lightning.video.pyav_reader import PyAVReader
from tests.helpers.benchmarks import load_benchmark
from tests.helpers.videos import VideoSpec, write_video


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("decoding", monkeypatch)


@pytest.mark.slow
def test_the_quick_case_from_start_to_end(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "READERS", {"PyAV": PyAVReader})
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    benchmark.run(["--quick", "--output", str(tmp_path)])
    assert (os.sched_getaffinity(0), torch.get_num_threads()) == (cores, threads)
    lines = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    assert [row["video"] for row in found["sequential"]] == [f"keys_{keys}_of_80.mp4" for keys in (12, 50, 250)]
    assert [row["places"] for row in found["sparse"]] == ["even", "random"] * 3
    assert all(row["milliseconds"].keys() == {"seek", "scan", "PyAV"} for row in found["sparse"])
    assert found["readers"]["PyAV"]["sequential"] > 0
    assert 0 <= found["readers"]["PyAV"]["added_mib"] < 500
    assert found["targets_met"].keys() == {"share", "pipeline_share", "ratio"}
    assert any("every frame, frames per second" in line for line in lines)


def test_a_folder_gives_its_longest_videos(benchmark: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no video of 16 frames that can be read; give a folder"):
        benchmark.longest_videos(tmp_path)
    (tmp_path / "notes.txt").write_text("no video")
    for name, frames in (("a", 20), ("b", 40), ("c", 10)):
        write_video(tmp_path / f"{name}.mp4", VideoSpec(num_frames=frames))
    assert [path.name for path in benchmark.longest_videos(tmp_path)] == ["b.mp4", "a.mp4"]


@pytest.mark.parametrize("places", ["even", "random"])
@pytest.mark.parametrize("count", [16, 40, 1000])
def test_clips_lie_apart_and_within_the_video(benchmark: ModuleType, places: str, count: int) -> None:
    starts = benchmark.sparse_starts(count, places)
    assert len(starts) == min(32, count // 16)
    assert (np.diff(starts) >= 16).all()
    assert min(starts) >= 0
    assert max(starts) <= count - 16


def test_seeking_scanning_and_the_reader_agree(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "long.mp4", VideoSpec(num_frames=200, start_sec=1.5))
    milliseconds = benchmark.measure_sparse(path, {"PyAV": PyAVReader()}, "random", 1)
    assert milliseconds.keys() == {"seek", "scan", "PyAV"}
    monkeypatch.setattr(benchmark, "read_clips", lambda *_: [np.zeros((48, 64, 3), dtype=np.uint8)] * 12)
    with pytest.raises(SystemExit, match=r"long\.mp4: PyAV gives other pictures than reading on"):
        benchmark.measure_sparse(path, {"PyAV": PyAVReader()}, "random", 1)


def test_a_reader_that_cannot_be_used_is_left_out(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "old.avi", VideoSpec(codec="mpeg4"))
    monkeypatch.setattr(benchmark.DecordReader, "version", "0.6.0")
    assert list(benchmark.available_readers([path])) == ["PyAV"]
    assert "without decord: " in capsys.readouterr().out
    assert benchmark.count_frames(tmp_path / "none.mp4") == 0
