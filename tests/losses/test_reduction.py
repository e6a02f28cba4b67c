from __future__ import annotations

import pytest
import torch

from aher_lightning.losses.reduction import (
    gather_from_processes,
    mean_over_processes,
    num_processes,
    sum_over_processes,
)
from tests.helpers.processes import run_in_processes


def test_mean_over_the_mask_only() -> None:
    values = torch.tensor([[1.0, 2.0], [torch.inf, torch.nan]])
    assert mean_over_processes(values, torch.tensor([[True, True], [False, False]])).item() == 1.5
    assert mean_over_processes(values[0]).item() == 1.5


@pytest.mark.parametrize("shape", [(0,), (2, 0), (3,)])
def test_nothing_to_average_is_zero_with_a_gradient(shape: tuple[int, ...]) -> None:
    values = torch.ones(shape, requires_grad=True)
    mean = mean_over_processes(values, torch.zeros(shape, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(mean, values)
    assert mean.item() == 0
    assert not gradient.any()


def test_one_process_exchanges_nothing() -> None:
    rows = torch.arange(3)
    gathered, own_rows = gather_from_processes(rows)
    assert num_processes() == 1
    assert torch.equal(gathered[own_rows], rows)
    assert sum_over_processes(rows).tolist() == [0, 1, 2]


def _exchange(rank: int) -> None:
    count = torch.tensor(rank + 1)
    assert num_processes() == 2
    assert sum_over_processes(count).item() == 3
    assert count.item() == rank + 1
    gathered, own_rows = gather_from_processes(torch.full((2, 1), rank))
    assert gathered.flatten().tolist() == [0, 0, 1, 1]
    assert gathered[own_rows].flatten().tolist() == [rank, rank]
    with torch.no_grad():
        assert num_processes() == 1
        assert sum_over_processes(count).item() == rank + 1


@pytest.mark.ddp
def test_two_processes_share_counts_and_rows() -> None:
    run_in_processes(_exchange, 2)
