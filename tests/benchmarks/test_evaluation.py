"""The benchmark of the evaluation scores what it says and refuses everything else."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("evaluation", monkeypatch)


@pytest.mark.slow
def test_the_quick_case_from_start_to_end(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark.run(["--quick", "--output", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    assert found["quick"]
    assert f"{100 * found['average_mAP']:.3f}" == "41.556"
    assert max(found["category_difference"], found["recall_difference"]) <= 1e-9
    assert 0 < found["seconds"] < 3
    assert 0 <= found["added_mib"] < found["peak_mib"] < 1000
    assert any("average mAP" in line and "41.556 %" in line for line in lines)


def test_the_large_case_is_scored_unless_quick(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class AskedError(Exception):
        pass

    def stop(case: Any, folder: Path) -> None:
        raise AskedError(case.name, folder)

    monkeypatch.setattr(benchmark, "write_case", stop)
    with pytest.raises(AskedError) as asked:
        benchmark.run([])
    assert asked.value.args == ("large", Path("runs/evaluation"))
    assert benchmark.LARGE.videos * benchmark.LARGE.predictions == 470_000


def test_other_files_are_refused(benchmark: ModuleType, tmp_path: Path) -> None:
    benchmark.write_case(benchmark.QUICK, tmp_path)
    with (tmp_path / "quick_pred.json").open("a", encoding="utf-8") as file:
        file.write(" ")
    with pytest.raises(SystemExit, match=r"quick_pred\.json has MD5 .* in place of .*; delete it"):
        benchmark.write_case(benchmark.QUICK, tmp_path)


def test_a_difference_from_the_official_algorithm_ends_the_benchmark(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark.write_case(benchmark.QUICK, tmp_path)
    truth, found = benchmark.read(benchmark.QUICK, tmp_path)
    videos = truth.videos
    assert benchmark.compare_precisions(videos, found)["category_difference"] < 1e-12
    monkeypatch.setattr(benchmark, "plain_area", lambda *_: 0.5)
    with pytest.raises(SystemExit, match=r"category: .* away from the official algorithm"):
        benchmark.compare_precisions(videos, found)
    with pytest.raises(SystemExit, match="recall: nan away from the official algorithm"):
        benchmark.comparison("recall", 1.0, 2.0, float("nan"))
