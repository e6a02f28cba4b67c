from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.ops.resample import Resampling, resample_sequences, resize_features
from aher_lightning.video.contract import TemporalContract
from tests.helpers.golden_fill import fill, golden_path


def resample_one(values: Tensor, first_centre: float, step: float, length: int) -> Tensor:
    arguments = torch.tensor([len(values)]), torch.tensor([first_centre]), torch.tensor([step])
    return resample_sequences(values, *arguments, length)[0]


def test_hand_computed_steps() -> None:
    values = torch.tensor([[0.0, 1.0], [1.0, 1.0], [5.0, 1.0]])
    resampled = resample_one(values, 0.0, 0.5, 2)
    # Samples of the second step lie at 7/12, 9/12, 11/12 of the time axis: 7/6, 9/6, 11/6 of a snippet.
    torch.testing.assert_close(resampled, torch.tensor([[0.5, 1 + 4 * 0.5], [1.0, 1.0]]))


@pytest.mark.parametrize("length", [1, 4, 7, 100])
@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_equals_plain_interpolation(count: int, length: int) -> None:
    values = torch.from_numpy(fill(f"values_{count}", (count, 3), -1, 1)).double()
    first, step = 0.6 / count, 0.9 / count
    centres = first + step * np.arange(count)
    times = (np.arange(length)[:, None] + np.array([1, 3, 5]) / 6) / length
    expected = np.stack([np.interp(times, centres, channel).mean(axis=1) for channel in values.T.numpy()])
    places = torch.tensor([[first], [step]], dtype=torch.float64)
    resampled = resample_sequences(values, torch.tensor([count]), places[0], places[1], length)[0]
    torch.testing.assert_close(resampled, torch.from_numpy(expected))


def test_sequences_do_not_touch_one_another() -> None:
    lengths = [4, 1, 7]
    parts = [torch.from_numpy(fill(f"part_{n}", (n, 5), 0, 1)) for n in lengths]
    firsts, steps = torch.tensor([0.1, 0.5, 0.0]), torch.tensor([0.2, 1.0, 0.15])
    resampled = resample_sequences(torch.cat(parts), torch.tensor(lengths), firsts, steps, 6)
    assert resampled.shape == (3, 5, 6)
    for part, first, step, result in zip(parts, firsts.tolist(), steps.tolist(), resampled, strict=True):
        torch.testing.assert_close(result, resample_one(part, first, step, 6))


def test_edges_repeat_the_outermost_snippets() -> None:
    values = torch.tensor([[2.0], [4.0]])
    resampled = resample_one(values, 0.45, 0.1, 10)[0]
    assert resampled[:4].tolist() == [2.0] * 4
    assert resampled[6:].tolist() == [4.0] * 4
    assert resample_one(values[:1], 0.5, 1.0, 3).tolist() == [[2.0] * 3]


def test_a_straight_line_stays_one_and_constants_stay_constant() -> None:
    count, length = 50, 20
    values = torch.stack((torch.arange(count) + 0.5, torch.full((count,), 3.0)), dim=1) / count
    ramp, constant = resample_one(values, 0.5 / count, 1 / count, length)
    torch.testing.assert_close(ramp[1:-1], ((torch.arange(length) + 0.5) / length)[1:-1])
    torch.testing.assert_close(constant, torch.full((length,), 3.0 / count))


def test_gradient_reaches_the_values() -> None:
    values = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    arguments = torch.tensor([2, 4]), torch.tensor([0.1, 0.2]), torch.tensor([0.5, 0.2])
    assert torch.autograd.gradcheck(lambda v: resample_sequences(v, *arguments, 5), (values,))


@pytest.mark.parametrize("lengths", [[0, 3], [2, 2], [-1, 4]])
def test_impossible_lengths_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="lengths must be positive and sum to 3 snippets"):
        resample_sequences(torch.zeros(3, 2), torch.tensor(lengths), torch.zeros(2), torch.ones(2), 4)


def test_no_sequences() -> None:
    nothing = torch.zeros(0)
    assert resample_sequences(torch.zeros(0, 2), nothing.long(), nothing, nothing, 4).shape == (0, 2, 4)


def test_released_edges_by_hand() -> None:
    # Snippets at 1/4 and 3/4, values 0 and 1: of six steps the outer two end before 1/4 or start after 3/4.
    values, centres = torch.tensor([[0.0], [1.0]]), (torch.tensor([0.25]), torch.tensor([0.5]))
    released = Resampling((0, 1 / 2, 1), "zeros")
    (row,) = resample_sequences(1 + values, torch.tensor([2]), *centres, 6, released)[0]
    # The second step shrinks to [1/4, 2/6], which is [0, 1/6] in snippets; the third is [1/6, 3/6].
    torch.testing.assert_close(row, 1 + torch.tensor([-1.0, 1 / 12, 2 / 6, 4 / 6, 11 / 12, -1.0]))
    (inside,) = resample_sequences(1 + values, torch.tensor([2]), *centres, 6, replace(released, edge_margin=0.2))[0]
    torch.testing.assert_close(inside, 1 + torch.tensor([-1.0, -1.0, 7 / 20, 13 / 20, -1.0, -1.0]))


def test_a_single_snippet_holds_at_both_kinds_of_edges() -> None:
    values, arguments = torch.tensor([[2.0]]), (torch.tensor([1]), torch.tensor([0.5]), torch.tensor([1.0]))
    for resampling in (Resampling(), Resampling(padding="zeros", edge_margin=0.4)):
        assert resample_sequences(values, *arguments, 3, resampling).tolist() == [[[2.0] * 3]]


def test_edges_of_one_sequence_do_not_reach_the_others() -> None:
    values = torch.from_numpy(fill("values", (8, 2), 1, 2))
    zero = Resampling(padding="zeros")
    counts, firsts, steps = torch.tensor([1, 3, 4]), torch.tensor([0.5, 0.3125, 0.125]), torch.tensor([1, 0.1875, 0.25])
    together = resample_sequences(values, counts, firsts, steps, 16, zero)
    for row, part in enumerate(torch.split(values, counts.tolist())):
        one = slice(row, row + 1)
        alone = resample_sequences(part, counts[one], firsts[one], steps[one], 16, zero)[0]
        torch.testing.assert_close(together[row], alone)
    assert [int((row == 0).all(dim=0).sum()) for row in together] == [0, 10, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_places": ()}, r"sample_places must be fractions of a step, got \(\); give 0 to 1"),
        ({"sample_places": (0.5, 1.5)}, r"got \(0\.5, 1\.5\); give 0 to 1"),
        ({"padding": "repeat"}, "padding must be 'replicate' or 'zeros', got 'repeat'"),
        ({"edge_margin": 0.5}, r"edge_margin must lie in \[0, 0\.5\), got 0\.5; give a part of a snippet"),
        ({"edge_margin": -0.1}, "edge_margin must lie in"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Resampling(**options)


RELEASED_STRIDE = 8
"""Frames of the file from one snippet to the next in the released data."""
RELEASED_MARGIN_SEC = 1e-4
"""The released code leaves out what is closer than this to an outermost centre."""


class ReleasedCase(NamedTuple):
    """One run of the released resampling."""

    values: Tensor  # (N, 6)
    contract: TemporalContract
    length: int
    expected: Tensor  # (6, T)

    def resample(self, resampling: Resampling) -> Tensor:
        """Resample on the axis of the released code: as many strides as there are snippets, not the duration."""
        count = len(self.values)
        first = self.contract.first_centre_frames / (count * self.contract.snippet_stride)
        arguments = torch.tensor([count]), torch.tensor([first]), torch.tensor([1 / count])
        return resample_sequences(self.values, *arguments, self.length, resampling)[0]


@pytest.fixture(params=range(7))
def released_case(request: pytest.FixtureRequest) -> ReleasedCase:
    case: int = request.param
    with np.load(golden_path("tf", "09_feature_resample.npz")) as reference:
        assert len(reference.files) == 14
        count, duration_sec, frames, length = reference[f"cfg_{case}"].tolist()
        expected = torch.from_numpy(reference[f"out_{case}"]).T
    fps = frames / duration_sec
    contract = TemporalContract(fps=fps, snippet_stride=RELEASED_STRIDE, first_centre_frames=RELEASED_STRIDE / 2)
    values = torch.from_numpy(fill(f"resample_{case}", (int(count), 6), 0, 1))
    return ReleasedCase(values, contract, int(length), expected)


@pytest.mark.golden
def test_equals_the_released_code(released_case: ReleasedCase) -> None:
    margin = RELEASED_MARGIN_SEC / released_case.contract.step_sec
    resampled = released_case.resample(Resampling((0, 1 / 2, 1), "zeros", margin))
    torch.testing.assert_close(resampled, released_case.expected, rtol=0, atol=1e-5)
    is_outside = (released_case.expected == 0).all(dim=0)
    assert torch.equal((resampled == 0).all(dim=0), is_outside)
    # The released margin is tiny: without it, only the two steps that contain an edge change, and hardly.
    without = released_case.resample(Resampling((0, 1 / 2, 1), "zeros"))
    assert ((without - resampled).abs().amax(dim=0) > 1e-5).sum() <= 2
    torch.testing.assert_close(without, released_case.expected, rtol=0, atol=2e-4)


@pytest.mark.golden
def test_the_released_code_has_the_first_centre_at_half_a_stride(released_case: ReleasedCase) -> None:
    half_a_clip = released_case.contract.clip_length / 2
    assert half_a_clip == 2 * released_case.contract.first_centre_frames
    other = released_case._replace(contract=replace(released_case.contract, first_centre_frames=half_a_clip))
    released = Resampling((0, 1 / 2, 1), "zeros")
    error, other_error = (
        float((case.resample(released) - case.expected).abs().max()) for case in (released_case, other)
    )
    assert error < 2e-4
    assert other_error > 0.1 or len(released_case.values) == 1  # a single snippet holds wherever it is


@pytest.mark.golden
def test_inner_steps_equal_the_released_code_whatever_holds_at_the_edges(released_case: ReleasedCase) -> None:
    count, length = len(released_case.values), released_case.length
    held = released_case.resample(Resampling((0, 1 / 2, 1)))
    starts = torch.arange(length) / length
    is_inner = (starts > 0.5 / count) & (starts + 1 / length < 1 - 0.5 / count)
    torch.testing.assert_close(held[:, is_inner], released_case.expected[:, is_inner], rtol=0, atol=1e-5)
    is_edge = (released_case.expected == 0).all(dim=0)
    assert bool((held[:, is_edge] != 0).all())


@pytest.mark.parametrize(("old", "new"), [(1, 4), (2, 4), (128, 51), (5, 5), (256, 384), (3, 1), (3, 0)])
def test_resizing_equals_the_tensorflow_rule(old: int, new: int) -> None:
    features = torch.from_numpy(fill(f"resize_{old}", (2, 3, old), -1, 1))
    resized = resize_features(features, new)
    assert resized.shape == (2, 3, new)
    for step in range(new):
        source = np.float32(step) * np.float32(old / new)
        low = int(source)
        high = min(low + 1, old - 1)
        expected = features[..., low] + (features[..., high] - features[..., low]) * float(source - np.float32(low))
        torch.testing.assert_close(resized[..., step], expected)


def test_resizing_to_the_same_length_changes_nothing() -> None:
    features = torch.from_numpy(fill("same", (2, 3, 9), -1, 1))
    assert torch.equal(resize_features(features, 9), features)
    assert resize_features(features[:0], 4).shape == (0, 3, 4)


def test_resizing_has_the_right_gradient() -> None:
    features = torch.randn(1, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: resize_features(f, 8), (features,))
