from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from aher_lightning.models.fingerprint import fingerprint


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def test_equal_weights_have_equal_fingerprints() -> None:
    original = network()
    assert fingerprint(original) == fingerprint(network())
    assert fingerprint(original) == fingerprint(copy.deepcopy(original).eval().requires_grad_(False))
    assert len(fingerprint(original)) == 64


CHANGES: dict[str, Callable[[nn.Sequential], object]] = {
    "a weight": lambda net: net.state_dict()["0.weight"].view(-1)[-1].add_(1e-6),
    "a buffer": lambda net: net.state_dict()["1.running_mean"].add_(1),
    "a type": lambda net: net.double(),
    "a shape": lambda net: net.get_submodule("0").register_parameter("bias", nn.Parameter(torch.zeros(1, 3))),
    "a name": lambda net: net.append(net.pop(0)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_shows(change: str) -> None:
    changed = network()
    CHANGES[change](changed)
    assert fingerprint(changed) != fingerprint(network())


def test_layout_in_memory_does_not_show() -> None:
    first, second = nn.Conv2d(2, 4, 3), nn.Conv2d(2, 4, 3)
    second.load_state_dict(first.state_dict())
    second.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert not second.weight.is_contiguous()
    assert fingerprint(first) == fingerprint(second)
