"""The benchmark of memory trains what it says and reports how memory grows."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("end_to_end_memory", monkeypatch)


@pytest.mark.slow
def test_memory_hardly_grows_in_the_recommended_setting(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "SETTINGS", {name: benchmark.SETTINGS[name] for name in ("plain", "checkpoints")})
    monkeypatch.setattr(benchmark, "QUICK", benchmark.QUICK._replace(lengths=(32, 128)))
    benchmark.run(["--quick"])
    lines = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    assert (found["quick"], found["recommended"]) == (True, "checkpoints")
    plain, bounded = (found["settings"][name] for name in ("plain", "checkpoints"))
    assert found["ratio_128_to_32"] == bounded["128"]["peak_mib"] / bounded["32"]["peak_mib"] < 1.2
    assert found["added_ratio_128_to_32"] < 1.5 < plain["128"]["added_mib"] / plain["32"]["added_mib"]
    for row in (*plain.values(), *bounded.values()):
        assert row["pixels_mib"] < row["added_mib"] < row["peak_mib"] < 2000
        assert row["seconds"] > 0
    assert any("checkpointed" in line for line in lines)


def test_the_large_case_is_measured_unless_quick(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, int]] = []

    def note(setting: str, length: int, size: int) -> dict[str, float]:
        asked.append((setting, length, size))
        return {"seconds": 1.0, "peak_mib": 400.0 + length, "added_mib": 100.0 + length, "pixels_mib": 1.0}

    monkeypatch.setattr(benchmark, "measure_apart", note)
    benchmark.run([])
    assert {size for _, _, size in asked} == {112}
    assert {length for _, length, _ in asked} == {64, 256, 512}
    assert {setting for setting, _, _ in asked} == set(benchmark.SETTINGS)
    assert benchmark.RECOMMENDED in benchmark.SETTINGS
    rows = {length: note("plain", length, 112) for length in (64, 256, 512)}
    grown = {"ratio_256_to_64": 656 / 464, "added_ratio_256_to_64": 356 / 164}
    assert benchmark.ratios(benchmark.LARGE, rows) == grown


def test_a_process_that_fails_ends_the_benchmark(benchmark: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"):
        benchmark.measure_apart("no such setting", 1, 8)
    assert "no such setting" in capfd.readouterr().err
