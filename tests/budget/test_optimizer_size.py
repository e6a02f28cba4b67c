from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from aher_lightning.budget.optimizer_size import optimizer_bytes

NUMBERS = 12 + 5


def parameters() -> list[nn.Parameter]:
    return [nn.Parameter(torch.ones(3, 4)), nn.Parameter(torch.ones(5))]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (partial(torch.optim.SGD, lr=0.1), 0),
        (partial(torch.optim.SGD, lr=0.1, momentum=0.9), 4 * NUMBERS),
        (torch.optim.Adam, 2 * 4 * NUMBERS + 2 * 4),
        (partial(torch.optim.AdamW, amsgrad=True), 3 * 4 * NUMBERS + 2 * 4),
    ],
)
def test_the_state_is_counted(make: Callable[..., torch.optim.Optimizer], expected: int) -> None:
    assert optimizer_bytes(make, parameters()) == expected


def test_an_optimizer_that_looks_at_values_gets_some() -> None:
    weights = parameters()
    real = torch.optim.Adafactor([nn.Parameter(weight.detach().clone()) for weight in weights])
    for one in real.param_groups[0]["params"]:
        one.grad = torch.zeros_like(one)
    real.step()  # type: ignore[no-untyped-call]
    values = [value for state in real.state.values() for value in state.values() if isinstance(value, torch.Tensor)]
    assert optimizer_bytes(torch.optim.Adafactor, weights) == sum(value.nbytes for value in values) > 0
    assert all(torch.equal(weight, torch.ones_like(weight)) and weight.grad is None for weight in weights)


def test_nothing_to_optimize_is_for_the_optimizer_to_refuse() -> None:
    with pytest.raises(ValueError, match="empty parameter list"):
        optimizer_bytes(torch.optim.Adam, [])
