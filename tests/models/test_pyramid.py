from __future__ import annotations

import pytest
import torch

from aher_lightning.models.pyramid import TemporalPyramid


def small_pyramid() -> TemporalPyramid:
    torch.manual_seed(0)
    return TemporalPyramid(6, stem_channels=(8, 5), level_channels=(4, 4, 6, 6))


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (512, [128, 64, 32, 16, 8, 4, 2, 1]),
        (256, [64, 32, 16, 8, 4, 2, 1, 1]),
        (3, [1] * 8),
        (100, [25, 13, 7, 4, 2, 1, 1, 1]),
    ],
)
def test_level_lengths(length: int, expected: list[int]) -> None:
    pyramid = TemporalPyramid(1, stem_channels=(1,), level_channels=(1,) * 8)
    assert pyramid.level_lengths(length) == expected


@pytest.mark.parametrize("length", [3, 4, 5, 31, 64])
def test_forward_has_the_announced_shapes(length: int) -> None:
    pyramid = small_pyramid()
    levels = pyramid(torch.rand(2, 6, length))
    assert pyramid.out_channels == [4, 4, 6, 6]
    shapes = [
        (2, width, cells) for width, cells in zip(pyramid.out_channels, pyramid.level_lengths(length), strict=True)
    ]
    assert [tuple(level.shape) for level in levels] == shapes
    assert all((level >= 0).all() for level in levels)


def test_too_short_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 time steps, got 2"):
        small_pyramid().level_lengths(2)


def test_gradients_reach_every_parameter() -> None:
    pyramid = small_pyramid()
    torch.autograd.backward(torch.stack([level.square().sum() for level in pyramid(torch.rand(2, 6, 64))]).sum())
    parameters = list(pyramid.parameters())
    assert len(parameters) == 12
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in parameters)


def test_videos_of_a_batch_do_not_mix() -> None:
    pyramid = small_pyramid()
    features = torch.rand(3, 6, 40)
    together = pyramid(features)
    alone = pyramid(features[1:2])
    for level, single in zip(together, alone, strict=True):
        torch.testing.assert_close(level[1:2], single)
