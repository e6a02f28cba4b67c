"""The benchmark of long videos localizes what it says and reports how memory grows."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from aher_lightning.video.auto_reader import AutoReader
from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("long_video", monkeypatch)


def test_videos_are_as_long_as_they_shall_be(benchmark: ModuleType, tmp_path: Path) -> None:
    benchmark.encode_piece(tmp_path / "piece.mp4")
    benchmark.repeat_piece(tmp_path / "piece.mp4", tmp_path / "video.mp4", 3)
    info = AutoReader().probe(tmp_path / "video.mp4")
    assert info.duration_sec == pytest.approx(180.0, abs=0.05)
    assert 3 * 60 * benchmark.FPS - info.frame_count in {0, 1}  # PyAV before 18.1 loses the last one
    assert len(list(AutoReader().iter_frames(tmp_path / "video.mp4", [0.0, 61.0, 179.9]))) == 3


def test_growth_is_told_per_hour_and_for_a_day(benchmark: ModuleType) -> None:
    rows = [{"hours": hours, "peak_mib": peak} for hours, peak in ((0.2, 400.0), (1.0, 500.0), (2.0, 505.0))]
    assert benchmark.growth(rows) == {"mib_per_hour": 5.0, "mib_at_24_hours": 505.0 + 22 * 5.0}
    assert benchmark.growth(rows[:2])["mib_per_hour"] == pytest.approx(125.0)
    assert benchmark.growth(rows[:1]) == {"mib_per_hour": 0.0, "mib_at_24_hours": 400.0}
    day = [{"hours": 1.0, "peak_mib": 500.0}, {"hours": 24.0, "peak_mib": 600.0}]
    assert benchmark.growth(day)["mib_at_24_hours"] == 600.0


@pytest.mark.slow
def test_a_video_is_localized_in_a_process_of_its_own(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark.run(["--hours", "0.0167", "0.0334"])
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    short, long = found["videos"]
    assert (short["hours"], long["hours"]) == (pytest.approx(1 / 60, abs=1e-4), pytest.approx(2 / 60, abs=1e-4))
    assert 0 < short["detections"] <= 300 < long["detections"] <= 600
    assert 100 < short["peak_mib"] < 2000
    assert any("peak memory" in line for line in lines)


def test_a_process_that_fails_ends_the_benchmark(
    benchmark: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="1"):
        benchmark.measure_apart(tmp_path / "missing.mp4")
    assert "missing.mp4" in capfd.readouterr().err
