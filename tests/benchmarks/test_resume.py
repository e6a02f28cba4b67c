"""The benchmark of resuming kills what it says and notices a difference."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("resume", monkeypatch)


@pytest.mark.slow
def test_a_run_that_is_killed_ends_like_one_that_is_not(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark.run(["--kills=2", "--iterations=120", f"--output={tmp_path / 'run'}"])
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["kills"] == 2
    assert summary["within_writing"] >= 1
    assert summary["identical"] is True
    with pytest.raises(SystemExit, match="is not empty; name another folder"):
        benchmark.run([f"--output={tmp_path / 'run'}"])


def test_the_smallest_difference_is_noticed(benchmark: ModuleType) -> None:
    def state(value: float) -> dict[str, object]:
        return {"a": [torch.tensor([1.0, value])], "b": {"step": 3, "betas": (0.9, 0.99)}}

    assert benchmark.are_equal(state(2.0), state(2.0))
    assert not benchmark.are_equal(state(2.0), state(2.0000002))
    assert not benchmark.are_equal(state(2.0), {"a": [torch.tensor([1.0, 2.0])]})
    assert not benchmark.are_equal({"a": torch.zeros(1)}, {"a": torch.zeros(1).double()})
    assert not benchmark.are_equal([1], [1, 2])


def test_a_checkpoint_is_cut_short(benchmark: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes(bytes(100))
    benchmark.cut_short(tmp_path / "last.ckpt")
    assert (tmp_path / "last.ckpt").stat().st_size == 50
