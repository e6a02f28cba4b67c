from __future__ import annotations

import torch
from torch import nn

from aher_lightning.budget.reached_parameters import reached_parameters
from aher_lightning.modules.aher import AherModule
from tests.helpers.toy import CATEGORIES, MeanBackbone, toy_loss, toy_network
from tests.helpers.training import iteration_data, toy_localizer


def test_it_finds_what_gradients_find() -> None:
    torch.manual_seed(0)
    module = AherModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network, loss=toy_loss())
    parameters = list(module.parameters())
    for phase in module.phases:
        for loss in phase.losses(module.network, module.loss, iteration_data()).values():
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
            expected = [id(one) for one, gradient in zip(parameters, gradients, strict=True) if gradient is not None]
            assert [id(one) for one in reached_parameters(loss, parameters)] == expected
            assert 0 < len(expected) < len(parameters)


def test_what_stands_still_is_not_reached() -> None:
    module = toy_localizer()
    frozen = nn.Parameter(torch.ones(2), requires_grad=False)
    moved = nn.Parameter(torch.ones(2))
    assert reached_parameters((frozen * moved).sum(), [frozen, moved, *module.parameters()])[0] is moved
    assert reached_parameters(frozen.sum(), [frozen]) == []
    assert reached_parameters((moved.detach() * 2).sum(), [moved]) == []


def test_a_deep_graph_is_walked_without_recursion() -> None:
    start = nn.Parameter(torch.ones(()))
    value = start * 1
    for _ in range(5_000):
        value = value + 1
    (found,) = reached_parameters(value, [start])
    assert found is start
