from __future__ import annotations

import pytest
import torch

from aher_lightning.ops.pasting import action_weights, background_steps, cycle_steps, place_instances, step_centres


def test_instances_and_gaps_by_hand() -> None:
    widths = torch.tensor([[0.2, 0.3, 0.0], [0.5, 0.0, 0.0]])
    gaps = torch.tensor([[1.0, 2.0, 1.0, 9.0], [1.0, 0.25, 9.0, 9.0]])
    expected = [[[0.125, 0.325], [0.575, 0.875], [1.0, 1.0]], [[0.4, 0.9], [1.0, 1.0], [1.0, 1.0]]]
    torch.testing.assert_close(place_instances(widths, gaps), torch.tensor(expected))


def test_instances_keep_their_widths_and_order_within_the_video() -> None:
    generator = torch.Generator().manual_seed(0)
    widths = 0.2 * torch.rand(50, 4, generator=generator)
    segments = place_instances(widths, torch.rand(50, 5, generator=generator) + 0.01)
    torch.testing.assert_close(segments[..., 1] - segments[..., 0], widths)
    assert (segments[:, 0, 0] > 0).all()
    assert (segments[:, -1, 1] < 1).all()
    assert (segments[:, 1:, 0] > segments[:, :-1, 1]).all()


def test_instances_that_fill_the_video_leave_no_gaps() -> None:
    segments = place_instances(torch.tensor([[0.25, 0.75]]), torch.ones(1, 3))
    assert segments.tolist() == [[[0.0, 0.25], [0.25, 1.0]]]


def test_weights_rise_and_fall_over_a_ramp_around_each_end() -> None:
    segments = torch.tensor([[[0.25, 0.75], [0.0, 0.0]]])
    weights = action_weights(segments, torch.tensor([0.25]), 8)
    # Centres 1/16, 3/16, ...: the ramps reach from 1/8 to 3/8 and from 5/8 to 7/8.
    assert weights[0, 0].tolist() == [0.0, 0.25, 0.75, 1.0, 1.0, 0.75, 0.25, 0.0]
    assert weights[0, 1].tolist() == [0.0] * 8


def test_a_narrow_ramp_is_a_step() -> None:
    weights = action_weights(torch.tensor([[[0.25, 0.75]]]), torch.tensor([1e-6]), 8)
    assert weights[0, 0].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]


def test_background_is_outside_all_real_instances() -> None:
    segments = torch.tensor([[[0.0, 0.25], [0.65, 0.75], [0.0, 1.0]]])
    mask = background_steps(segments, torch.tensor([[4, 0, -1]]), 5)
    assert mask.tolist() == [[False, True, True, False, True]]
    assert background_steps(torch.zeros(2, 0, 2), torch.zeros(2, 0).long(), 3).all()


@pytest.mark.parametrize(
    ("shift", "expected"), [(0.0, [1, 2, 4, 1, 2]), (0.4, [2, 4, 1, 2, 4]), (0.99, [4, 1, 2, 4, 1])]
)
def test_chosen_steps_are_cycled_in_order(shift: float, expected: list[int]) -> None:
    mask = torch.tensor([[False, True, True, False, True]])
    assert cycle_steps(mask, torch.tensor([shift])).tolist() == [expected]


def test_centres_have_type_and_place_of_the_other_tensor() -> None:
    centres = step_centres(4, torch.zeros(1, dtype=torch.float64))
    assert centres.tolist() == [0.125, 0.375, 0.625, 0.875]
    assert centres.dtype == torch.float64
