from __future__ import annotations

import pytest
import torch

from aher_lightning.ops.pooling import mean_over_segments


def numerical_mean(values: torch.Tensor, start: float, end: float, samples: int = 20_000) -> torch.Tensor:
    """Average a ``(K, T)`` step function at many places within a segment."""
    places = start + (end - start) * (torch.arange(samples, dtype=torch.float64) + 0.5) / samples
    steps = (places * values.shape[-1]).floor().long().clamp(0, values.shape[-1] - 1)
    return values[:, steps].mean(dim=-1)


@pytest.mark.parametrize("segment", [(0.0, 1.0), (0.0, 0.2), (0.13, 0.14), (0.05, 0.95), (0.4, 0.8), (0.99, 1.0)])
def test_equals_a_numerical_integral(segment: tuple[float, float]) -> None:
    values = torch.rand(2, 3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    means = mean_over_segments(values, torch.tensor([[segment]] * 2, dtype=torch.float64))
    assert means.shape == (2, 1, 3)
    for row in range(2):
        torch.testing.assert_close(means[row, 0], numerical_mean(values[row], *segment), atol=2e-4, rtol=0)


def test_a_segment_without_length_gets_the_value_at_its_place() -> None:
    values = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    segments = torch.tensor([[[0.3, 0.3], [0.0, 0.0], [1.0, 1.0], [0.6, 0.4]]])
    assert mean_over_segments(values, segments).flatten().tolist() == pytest.approx([2.0, 1.0, 4.0, 3.0])


def test_segments_are_clipped_to_the_sequence() -> None:
    values = torch.tensor([[[1.0, 3.0]]])
    segments = torch.tensor([[[-5.0, 7.0], [-1.0, 0.5], [2.0, 3.0], [-2.0, -1.0]]])
    assert mean_over_segments(values, segments).flatten().tolist() == pytest.approx([2.0, 1.0, 3.0, 1.0])


def test_a_constant_stays_and_means_lie_between_the_extremes() -> None:
    generator = torch.Generator().manual_seed(0)
    segments = torch.rand(3, 50, 2, generator=generator).sort(dim=-1).values
    constant = mean_over_segments(torch.full((3, 2, 100), 0.7), segments)
    torch.testing.assert_close(constant, torch.full((3, 50, 2), 0.7))
    means = mean_over_segments(torch.rand(3, 2, 100, generator=generator), segments)
    assert means.min() >= 0
    assert means.max() <= 1


def test_no_segments_and_types() -> None:
    assert mean_over_segments(torch.zeros(2, 3, 4), torch.zeros(2, 0, 2)).shape == (2, 0, 3)
    assert mean_over_segments(torch.zeros(2, 3, 4), torch.zeros(2, 1, 2, dtype=torch.float64)).dtype == torch.float32


def test_gradients_reach_the_values_within_the_segment() -> None:
    values = torch.zeros(1, 1, 4, requires_grad=True)
    total = mean_over_segments(values, torch.tensor([[[0.25, 0.75]]])).sum()
    (gradient,) = torch.autograd.grad(total, values)
    torch.testing.assert_close(gradient.flatten(), torch.tensor([0.0, 0.5, 0.5, 0.0]))
