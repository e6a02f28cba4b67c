from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from aher_lightning.modules.gradient_sync import average_gradients_over_processes
from tests.helpers.gloo import run_on_processes


def parameters() -> list[nn.Parameter]:
    frozen = nn.Parameter(torch.zeros(1), requires_grad=False)
    return [nn.Parameter(torch.zeros(2, 3)), nn.Parameter(torch.zeros(4)), nn.Parameter(torch.zeros(1)), frozen]


def test_one_process_keeps_its_gradients() -> None:
    both, _, _, _ = found = parameters()
    both.grad = torch.ones(2, 3)
    average_gradients_over_processes(found)
    average_gradients_over_processes([])
    assert torch.equal(both.grad, torch.ones(2, 3))
    assert found[1].grad is None


def averaged(rank: int) -> list[list[float] | None]:
    found = parameters()
    found[0].grad = torch.full((2, 3), 1.0 + rank)
    if rank == 1:
        found[1].grad = torch.arange(4.0)
    average_gradients_over_processes(found)
    return [None if one.grad is None else one.grad.flatten().tolist() for one in found]


@pytest.mark.ddp
def test_gradients_are_means_over_processes(tmp_path: Path) -> None:
    first, second = run_on_processes(averaged, 2, tmp_path)
    assert first == second == [[1.5] * 6, [0.0, 0.5, 1.0, 1.5], None, None]
