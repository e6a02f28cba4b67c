from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from aher_lightning.ops.nms import nms
from aher_lightning.ops.soft_nms import Decay, batched_soft_nms, gaussian_decay, linear_decay

DECAYS = {"gaussian": gaussian_decay(0.5), "narrow": gaussian_decay(0.01), "linear": linear_decay(0.3)}


def random_case(videos: int, count: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return segments, scores and labels."""
    generator = torch.Generator().manual_seed(seed)
    starts = 10 * torch.rand(videos, count, 1, generator=generator, dtype=torch.float64)
    segments = torch.cat([starts, starts + 0.1 + 2 * torch.rand(videos, count, 1, generator=generator)], dim=-1)
    scores = torch.rand(videos, count, generator=generator, dtype=torch.float64)
    return segments, scores, torch.randint(2, (videos, count), generator=generator)


def plain_soft_nms(
    segments: list[list[float]], scores: list[float], labels: list[int] | None, factor: Decay, max_keep: int
) -> list[tuple[int, float]]:
    """Follow the definition step by step."""
    left = dict(enumerate(scores))
    kept: list[tuple[int, float]] = []
    while left and len(kept) < max_keep:
        best = max(left, key=lambda one: left[one])
        kept.append((best, left.pop(best)))
        for other in left:
            if labels is None or labels[other] == labels[best]:
                (a, b), (c, d) = segments[best], segments[other]
                shared = max(0.0, min(b, d) - max(a, c))
                left[other] *= float(factor(np.array([shared / (b - a + d - c - shared)]))[0])
    return kept


@pytest.mark.parametrize("name", DECAYS)
@pytest.mark.parametrize("by_label", [False, True])
@pytest.mark.parametrize("max_keep", [None, 7])
def test_it_follows_the_definition(name: str, by_label: bool, max_keep: int | None) -> None:
    segments, scores, labels = random_case(6, 50)
    found = batched_soft_nms(segments, scores, DECAYS[name], labels=labels if by_label else None, max_keep=max_keep)
    for row in range(6):
        own = labels[row].tolist() if by_label else None
        plain = plain_soft_nms(segments[row].tolist(), scores[row].tolist(), own, DECAYS[name], max_keep or 50)
        assert found.indices[row].tolist() == [index for index, _ in plain]
        torch.testing.assert_close(found.scores[row], torch.tensor([score for _, score in plain], dtype=torch.float64))


def test_hand_computed_gaussian() -> None:
    segments = torch.tensor([[[0.0, 10.0], [0.0, 5.0], [20.0, 30.0]]])
    found = batched_soft_nms(segments, torch.tensor([[0.9, 0.8, 0.6]]), gaussian_decay(0.5))
    assert found.indices.tolist() == [[0, 2, 1]]
    torch.testing.assert_close(found.scores, torch.tensor([[0.9, 0.6, 0.8 * math.exp(-0.5)]]))


def test_a_decay_to_nothing_is_hard_nms() -> None:
    segments, scores, _ = random_case(1, 80)
    found = batched_soft_nms(segments, scores, lambda overlaps: np.where(overlaps > 0.4, 0.0, 1.0))
    kept = found.indices[0][found.scores[0] > 0]
    assert torch.equal(kept, nms(segments[0], scores[0], 0.4))


def test_no_overlap_changes_no_score() -> None:
    segments = torch.tensor([[[0.0, 1.0], [1.0, 2.0], [5.0, 6.0]]])
    found = batched_soft_nms(segments, torch.tensor([[0.2, 0.9, 0.5]]), gaussian_decay(0.5))
    assert found.indices.tolist() == [[1, 2, 0]]
    torch.testing.assert_close(found.scores, torch.tensor([[0.9, 0.5, 0.2]]))


def test_the_unit_of_time_does_not_matter() -> None:
    segments, scores, _ = random_case(3, 30)
    one, other = (batched_soft_nms(scale * segments, scores, gaussian_decay(0.5)) for scale in (1.0, 8.0))
    assert torch.equal(one.indices, other.indices)
    torch.testing.assert_close(one.scores, other.scores)


def test_absent_segments_are_never_kept_and_rows_are_padded() -> None:
    segments, scores, _ = random_case(3, 4)
    scores[0, 1:], scores[1] = -torch.inf, -torch.inf
    found = batched_soft_nms(segments, scores, gaussian_decay(0.5))
    assert found.indices.shape == (3, 4)
    assert found.indices[0].tolist() == [0, -1, -1, -1]
    assert found.indices[1].tolist() == [-1] * 4
    assert (found.scores[1] == 0).all()


def test_identical_segments_that_lose_all_score_come_last() -> None:
    segments = torch.tensor([[[0.0, 1.0]] * 3])
    found = batched_soft_nms(segments, torch.tensor([[0.5, 0.9, 0.7]]), linear_decay(0.5))
    assert sorted(found.indices[0].tolist()) == [0, 1, 2]
    assert found.scores.tolist() == [[pytest.approx(0.9), 0.0, 0.0]]


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_nothing_gives_nothing(shape: tuple[int, int]) -> None:
    found = batched_soft_nms(torch.zeros(*shape, 2), torch.zeros(shape), gaussian_decay(0.5))
    assert found.indices.shape == found.scores.shape == (shape[0], 0)


def test_impossible_options_are_refused() -> None:
    with pytest.raises(ValueError, match="sigma of soft-NMS must be positive, got -1"):
        gaussian_decay(-1)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got 1.5"):
        linear_decay(1.5)
    with pytest.raises(ValueError, match="max_keep must be at least 1, got 0"):
        batched_soft_nms(torch.zeros(1, 1, 2), torch.zeros(1, 1), gaussian_decay(1), max_keep=0)
