"""The benchmark of speed measures what it says, and what it compares with computes the same."""

from __future__ import annotations

import json
from types import ModuleType

import numpy as np
import pytest
import torch

from aher_lightning.models.backbones.p3d import P3D
from aher_lightning.ops.nms import nms
from aher_lightning.ops.soft_nms import batched_soft_nms, gaussian_decay
from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("speed", monkeypatch)


@pytest.mark.parametrize("tiou", [0.0, 0.5, 0.9, 1.0])
def test_the_loop_keeps_what_greedy_keeps(benchmark: ModuleType, tiou: float) -> None:
    generator = torch.Generator().manual_seed(0)
    segments = torch.rand(60, 2, generator=generator).sort(dim=-1).values
    scores = torch.rand(60, generator=generator)
    assert benchmark.plain_nms(segments.numpy(), scores.numpy(), tiou) == nms(segments, scores, tiou).tolist()
    assert benchmark.plain_nms(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), tiou) == []


@torch.no_grad()
def test_plain_soft_suppression_is_the_definition(benchmark: ModuleType) -> None:
    generator = torch.Generator().manual_seed(0)
    segments = torch.rand(40, 2, generator=generator).sort(dim=-1).values
    scores = torch.rand(40, generator=generator)
    kept = batched_soft_nms(segments[None], scores[None], gaussian_decay(benchmark.SIGMA)).indices[0].tolist()
    assert benchmark.plain_soft_nms(segments.numpy(), scores.numpy()) == kept
    assert benchmark.plain_soft_nms(np.zeros((0, 2), np.float32), np.zeros(0, np.float32)) == []


def test_plain_layers_compute_the_same(benchmark: ModuleType) -> None:
    torch.manual_seed(0)
    network, clips = P3D(blocks=(1, 1, 1, 1), width=4).eval(), torch.rand(2, 3, 16, 32, 32)
    expected = network(clips)
    with benchmark.plain_layers():
        plain = network(clips)
    torch.testing.assert_close(plain, expected, rtol=1e-4, atol=1e-5)
    assert not torch.equal(plain, expected)
    assert torch.equal(network(clips), expected)


def test_every_part_is_in_the_table(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = {
        "nms": {f"nms_100_{tiou}{kind}_ms": 2.0 + (kind != "") for tiou in (0.5, 0.9) for kind in ("", "_plain")},
        "soft": {"soft_100_ms": 2.0, "soft_100_plain_ms": 3.0},
        "backbone": {"p3d": 3.0, "p3d_plain": 2.0, "p3d_difference": 0.0},
        "categories": {"iteration_few": 2.0, "iteration_many": 2.5},
    }
    monkeypatch.setattr(benchmark, "run_apart", lambda _script, part, _quick: numbers[part])
    monkeypatch.setenv("COLUMNS", "120")
    benchmark.run(["--quick"])
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    assert (found["p3d_ratio"], found["categories_ratio"], found["quick"]) == (1.5, 1.25, True)
    assert any("tIoU 0.9" in line and "1.5x" in line for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["nms", "soft", "backbone", "categories"])
def test_a_part_is_measured_in_a_process_of_its_own(benchmark: ModuleType, part: str) -> None:
    found = benchmark.run_apart(benchmark.__file__, part, 1)
    assert all(value > 0 for name, value in found.items() if name != "p3d_difference")
    assert found.get("p3d_difference", 0) < 1e-4
