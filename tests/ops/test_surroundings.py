from __future__ import annotations

import pytest
import torch

from aher_lightning.ops.surroundings import background_around, crop_features

SEGMENTS = torch.tensor([[[0.1, 0.3], [0.5, 0.6], [0.55, 0.8]]])
REAL = torch.tensor([[True, True, True]])


@pytest.mark.parametrize(
    ("chosen", "before", "after"),
    [
        (0, [0.0, 0.1], [0.3, 0.5]),
        (1, [0.3, 0.5], [0.6, 0.6]),  # the third instance goes on where the second one ends
        (2, [0.55, 0.55], [0.8, 1.0]),
    ],
)
def test_background_reaches_to_the_next_instance(chosen: int, before: list[float], after: list[float]) -> None:
    found = background_around(SEGMENTS, REAL, torch.tensor([chosen]))
    torch.testing.assert_close(found.before, torch.tensor([before]))
    torch.testing.assert_close(found.after, torch.tensor([after]))


def test_padding_is_no_instance() -> None:
    segments = torch.tensor([[[0.4, 0.5], [0.0, 0.0]], [[0.4, 0.5], [0.2, 0.3]]])
    found = background_around(segments, torch.tensor([[True, False], [True, True]]), torch.tensor([0, 0]))
    torch.testing.assert_close(found.before, torch.tensor([[0.0, 0.4], [0.3, 0.4]]))
    torch.testing.assert_close(found.after, torch.tensor([[0.5, 1.0], [0.5, 1.0]]))


def test_an_instance_around_the_chosen_one_leaves_no_background() -> None:
    found = background_around(torch.tensor([[[0.4, 0.5], [0.2, 0.9]]]), REAL[:, :2], torch.tensor([0]))
    assert (found.before[:, 1] - found.before[:, 0]).item() == 0
    assert (found.after[:, 1] - found.after[:, 0]).item() == 0


def test_the_whole_span_at_its_own_length_is_the_sequence() -> None:
    features = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(crop_features(features, torch.tensor([[0.0, 1.0]] * 2), 7), features)


def test_cropping_is_linear_in_time() -> None:
    ramp = ((torch.arange(10) + 0.5) / 10).expand(1, 2, 10)  # the value is the normalized time
    cropped = crop_features(ramp, torch.tensor([[0.25, 0.65]]), 4)
    torch.testing.assert_close(cropped, torch.tensor([0.3, 0.4, 0.5, 0.6]).expand(1, 2, 4))
    assert crop_features(ramp, torch.tensor([[0.0, 0.01]]), 2).tolist() == [[[pytest.approx(0.05)] * 2] * 2]


def test_gradients_reach_the_sequence() -> None:
    features = torch.randn(1, 2, 5, dtype=torch.float64, requires_grad=True)
    spans = torch.tensor([[0.1, 0.7]])
    assert torch.autograd.gradcheck(lambda values: crop_features(values, spans, 4), (features,))
