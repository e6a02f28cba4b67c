from __future__ import annotations

import pytest
import torch
from torch import Tensor

from aher_lightning.ops.segments import (
    centre_width_to_segments,
    clip_segments,
    denormalize_segments,
    normalize_segments,
    segments_to_centre_width,
    temporal_iou,
)


def random_segments(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    ends = torch.rand(*shape, 2, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return ends.sort(dim=-1).values


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0.0, 2.0), (0.0, 2.0), 1.0),
        ((0.0, 2.0), (1.0, 3.0), 1 / 3),
        ((0.0, 4.0), (1.0, 2.0), 1 / 4),
        ((0.0, 1.0), (1.0, 2.0), 0.0),
        ((0.0, 1.0), (5.0, 6.0), 0.0),
        ((1.0, 1.0), (1.0, 1.0), 0.0),
        ((1.0, 1.0), (0.0, 2.0), 0.0),
        ((3.0, 1.0), (3.0, 1.0), 0.0),
        ((3.0, 1.0), (0.0, 4.0), 0.0),
    ],
    ids=["equal", "partial", "nested", "touching", "apart", "points", "point-inside", "reversed", "reversed-inside"],
)
def test_temporal_iou_of_one_pair(a: tuple[float, float], b: tuple[float, float], expected: float) -> None:
    pair = torch.tensor([a]), torch.tensor([b])
    assert temporal_iou(*pair).item() == pytest.approx(expected)
    assert temporal_iou(*reversed(pair)).item() == pytest.approx(expected)


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (4, 0), (1, 1), (7, 5)])
@pytest.mark.parametrize("batch", [(), (2,), (3, 2)])
def test_temporal_iou_laws(n: int, m: int, batch: tuple[int, ...]) -> None:
    a, b = random_segments(*batch, n, seed=1), random_segments(*batch, m, seed=2)
    overlaps = temporal_iou(a, b)
    assert overlaps.shape == (*batch, n, m)
    assert bool(((overlaps >= 0) & (overlaps <= 1)).all())
    torch.testing.assert_close(overlaps, temporal_iou(b, a).mT)
    torch.testing.assert_close(temporal_iou(a * 7 + 3, b * 7 + 3), overlaps)
    torch.testing.assert_close(temporal_iou(a, a).diagonal(dim1=-2, dim2=-1), torch.ones(*batch, n).double())


def test_temporal_iou_broadcasts_and_leaves_its_inputs_alone() -> None:
    a, b = random_segments(4, seed=3), random_segments(2, 5, seed=4)
    before = a.clone(), b.clone()
    overlaps = temporal_iou(a, b)
    torch.testing.assert_close(overlaps, torch.stack([temporal_iou(a, video) for video in b]))
    assert torch.equal(a, before[0])
    assert torch.equal(b, before[1])


def test_temporal_iou_has_the_right_gradient() -> None:
    a = random_segments(3, seed=5).requires_grad_()
    b = random_segments(2, seed=6).requires_grad_()
    assert torch.autograd.gradcheck(temporal_iou, (a, b))


def test_notations_are_inverse() -> None:
    segments = random_segments(2, 6)
    torch.testing.assert_close(centre_width_to_segments(segments_to_centre_width(segments)), segments)
    assert segments_to_centre_width(torch.tensor([1.0, 4.0])).tolist() == [2.5, 3.0]
    assert segments_to_centre_width(torch.zeros(0, 2)).shape == (0, 2)


@pytest.mark.parametrize("duration", [8.0, torch.tensor([8.0, 4.0])], ids=["number", "per-video"])
def test_units_are_inverse(duration: Tensor | float) -> None:
    segments_sec = random_segments(2, 3, dtype=torch.float32) * 4
    normalized = normalize_segments(segments_sec, duration)
    torch.testing.assert_close(normalized[0], segments_sec[0] / 8)
    torch.testing.assert_close(denormalize_segments(normalized, duration), segments_sec)


def test_normalize_segments_keeps_double_precision_and_empty_batches() -> None:
    assert normalize_segments(torch.zeros(2, 0, 2), torch.tensor([3.0, 4.0])).shape == (2, 0, 2)
    assert normalize_segments(torch.ones(1, 2).double(), 3.0).tolist() == [[1 / 3, 1 / 3]]


@pytest.mark.parametrize("duration", [0.0, -1.0, float("nan"), torch.tensor([4.0, 0.0])])
def test_normalize_segments_refuses_a_duration_that_is_not_positive(duration: Tensor | float) -> None:
    with pytest.raises(ValueError, match="durations must be positive seconds"):
        normalize_segments(torch.ones(2, 1, 2), duration)


def test_clip_segments_makes_what_lies_outside_empty() -> None:
    segments = torch.tensor([[-1.0, 0.5], [0.2, 0.4], [0.8, 2.0], [-2.0, -1.0], [2.0, 3.0]])
    clipped = clip_segments(segments)
    torch.testing.assert_close(clipped[:3], torch.tensor([[0.0, 0.5], [0.2, 0.4], [0.8, 1.0]]))
    assert bool((clipped[3:, 1] < clipped[3:, 0]).all())
    assert torch.equal(clip_segments(clipped), clipped)
    assert clip_segments(segments, 0.25, 0.3)[1].tolist() == pytest.approx([0.25, 0.3])
