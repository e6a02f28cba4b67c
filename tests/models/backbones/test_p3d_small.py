from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from aher_lightning.models.backbones.p3d_small import P3DSmall


@pytest.mark.parametrize("size", [48, 64])
def test_features(size: int) -> None:
    network = P3DSmall()
    assert network(torch.randn(2, 3, 16, size, size)).shape == (2, 128)
    assert network.out_channels == 128


def test_costs_what_it_promises() -> None:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        P3DSmall().eval()(torch.zeros(1, 3, 16, 48, 48))
    assert 10e6 < counter.get_total_flops() / 2 < 20e6


def test_order_of_frames_matters() -> None:
    torch.manual_seed(0)
    network = P3DSmall().eval()
    clips = torch.randn(2, 3, 16, 48, 48)
    features, reversed_features = network(clips), network(clips.flip(2))
    assert (features - reversed_features).abs().max() > 1e-3 * features.abs().max()


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    network = P3DSmall(4, (6, 8, 10))
    torch.autograd.backward(network(torch.randn(4, 3, 16, 48, 48)).square().sum())
    parameters = list(network.parameters())
    assert len(parameters) == 24
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in parameters)


def test_learns_to_tell_directions_of_motion() -> None:
    torch.manual_seed(0)
    network = P3DSmall(8, (12, 16, 16))
    classifier = torch.nn.Linear(16, 2)
    optimizer = torch.optim.Adam([*network.parameters(), *classifier.parameters()], 1e-2)
    stripes = torch.rand(16, 3, 1, 24, 80)
    labels = torch.arange(16) % 2
    frames = [stripes[..., 2 * t : 2 * t + 24] for t in range(16)]
    clips = torch.cat(frames, dim=2)
    clips = torch.where(labels.reshape(-1, 1, 1, 1, 1) == 1, clips, clips.flip(2))  # the same frames, backwards
    for _ in range(15):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(classifier(network(clips)), labels)
        torch.autograd.backward(loss)
        optimizer.step()
    assert loss.item() < 0.2
