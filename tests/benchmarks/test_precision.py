"""The benchmark of precisions trains what it says, in every setting."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest
import torch

from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("precision", monkeypatch)


@pytest.mark.slow
def test_a_setting_is_measured_in_a_process_of_its_own(benchmark: ModuleType) -> None:
    found = benchmark.measure_apart("bf16-mixed", False, (64, 8, 2))
    assert found.keys() == {"iterations_per_second", "first_seconds", "peak_mib"}
    assert all(value > 0 for value in found.values())


def test_every_setting_is_in_the_table(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def note(name: str, is_compiled: bool, sizes: tuple[int, ...]) -> dict[str, float]:
        asked.append((name, is_compiled, *sizes))
        return {"iterations_per_second": 2.0 * len(asked), "first_seconds": 1.0, "peak_mib": 100.0}

    monkeypatch.setattr(benchmark, "measure_apart", note)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("COLUMNS", "120")
    benchmark.run(["--length=64", "--width=8", "--iterations=3"])
    assert asked == [(name, compiled, 64, 8, 3) for name in ("32-true", "bf16-mixed") for compiled in (False, True)]
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1])["settings"]["bf16-mixed, compiled"]["iterations_per_second"] == 8.0
    assert any("bf16-mixed, compiled" in line and "4.00" in line for line in lines)


def test_a_process_that_fails_ends_the_benchmark(benchmark: ModuleType) -> None:
    with pytest.raises(SystemExit, match="1"):
        benchmark.measure_apart("no such precision", False, (64, 8, 1))
