from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from aher_lightning.ops.resample import resample_sequences, resize_features
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


@pytest.mark.golden
@pytest.mark.parametrize("case", range(7))
def test_inner_steps_equal_the_released_code(case: int) -> None:
    with np.load(golden_path("tf", "09_feature_resample.npz")) as reference:
        count, _, _, length = reference[f"cfg_{case}"].astype(int).tolist()
        expected = torch.from_numpy(reference[f"out_{case}"]).T
    values = torch.from_numpy(fill(f"resample_{case}", (count, 6), 0, 1))
    centres = torch.tensor([0.5 / count]), torch.tensor([1 / count])
    resampled = resample_sequences(values, torch.tensor([count]), *centres, length, sample_places=(0, 0.5, 1))[0]
    # Outside of the snippets' centres the released code leaves zeros, and it shortens the steps that contain one.
    starts = torch.arange(length) / length
    is_inner = (starts > 0.5 / count) & (starts + 1 / length < 1 - 0.5 / count) | (torch.tensor(count) == 1)
    assert is_inner.sum() > 0.8 * length
    torch.testing.assert_close(resampled[:, is_inner], expected[:, is_inner], rtol=0, atol=1e-5)


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
