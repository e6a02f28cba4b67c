from __future__ import annotations

import torch
from torch import nn

from aher_lightning.budget.kept_activations import count_kept


def test_each_storage_counts_once() -> None:
    numbers = torch.ones(10, requires_grad=True)
    with count_kept([numbers]) as kept:
        root = numbers.sqrt()  # keeps its result
        product = root * root  # keeps it twice more
        view = root[:5].exp()  # keeps a result of five
    assert product.requires_grad
    assert view.requires_grad
    assert kept.total == 4 * (10 + 5)


def test_a_network_keeps_what_its_layers_need() -> None:
    inputs = torch.ones(8, 4)
    network = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    with count_kept([inputs, *network.parameters()]) as kept:
        outputs = network(inputs)
    assert outputs.requires_grad
    assert kept.total == 4 * 8 * 6  # the result of the ReLU, which is the input of the last layer
    with count_kept(network.parameters()) as with_inputs:
        outputs = network(inputs)
    assert with_inputs.total == kept.total + 4 * 8 * 4


def test_nothing_is_kept_without_gradients() -> None:
    network = nn.Linear(4, 6)
    with count_kept() as kept, torch.no_grad():
        network(torch.ones(8, 4))
    assert kept.total == 0
