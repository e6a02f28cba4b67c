from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning.ops.batch_slice import batch_slice
from tests.helpers.gloo import run_on_processes


def test_one_process_has_the_whole_batch() -> None:
    assert batch_slice(5) == (5, slice(0, 5))
    assert batch_slice(0) == (0, slice(0, 0))


def own_draws(_: int) -> list[float]:
    total, own = batch_slice(3)
    drawn: list[float] = torch.rand(total, generator=torch.Generator().manual_seed(7))[own].tolist()
    return drawn


@pytest.mark.ddp
def test_processes_draw_what_one_would(tmp_path: Path) -> None:
    first, second = run_on_processes(own_draws, 2, tmp_path)
    whole = torch.rand(6, generator=torch.Generator().manual_seed(7)).tolist()
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert first + second == whole
