"""Fixtures that several test files share because they take a while to make."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from aher_lightning.errors import require_extra
from aher_lightning.rendering.benchmark import render_benchmark
from aher_lightning.rendering.plan import BenchmarkParameters
from tests.helpers.command_line import TrainedRun, run_everything


def pytest_configure() -> None:
    """Compute in one thread, here and in all processes that tests start: more of them round sums in another order."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark of real video files that renders in seconds; tests must not change it."""
    parameters = BenchmarkParameters(
        untrimmed_categories=2,
        moment_categories=2,
        training_videos=2,
        moments_per_category=2,
        validation_videos=2,
        untrimmed_validation_videos=0,
        width=32,
        height=32,
        min_duration_sec=6.0,
        max_duration_sec=8.0,
    )
    return render_benchmark(tmp_path_factory.mktemp("benchmark") / "data", parameters).output


@pytest.fixture(scope="session")
def trained_run(tiny_benchmark: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """Checkpoints, features and predictions of all commands on the tiny benchmark; tests must not change them."""
    return run_everything(tiny_benchmark, tmp_path_factory.mktemp("run"))


@pytest.fixture
def no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no extra of this package were installed."""
    require_extra.cache_clear()
    monkeypatch.setattr("lightning_utilities.core.imports.RequirementCache", lambda _: False)
