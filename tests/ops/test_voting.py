from __future__ import annotations

import pytest
import torch
from torch import Tensor

from aher_lightning.ops.segments import temporal_iou
from aher_lightning.ops.voting import vote_segments
from tests.ops.test_soft_nms import random_case


def dense_vote(kept: Tensor, segments: Tensor, scores: Tensor, threshold: float, same: Tensor) -> Tensor:
    """The definition, with all pairs at once."""
    overlaps = temporal_iou(kept, segments)
    votes = torch.where((overlaps >= threshold) & same, overlaps * scores.clamp(min=0).unsqueeze(1), 0.0)
    total = votes.sum(dim=2, keepdim=True)
    return torch.where(total > 0, (votes / total.clamp_min(1e-12)) @ segments, kept)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("by_label", [False, True])
def test_it_follows_the_definition(threshold: float, by_label: bool) -> None:
    segments, scores, labels = random_case(4, 60)
    scores[:, 50:] = -torch.inf
    kept, own = segments[:, 5:25] + 0.05, labels[:, 5:25]
    same = own.unsqueeze(2) == labels.unsqueeze(1) if by_label else torch.ones(4, 20, 60, dtype=torch.bool)
    voted = vote_segments(kept, segments, scores, threshold, labels=(own, labels) if by_label else None)
    torch.testing.assert_close(voted, dense_vote(kept, segments, scores, threshold, same))
    assert not torch.equal(voted, kept)


def test_a_segment_without_votes_stays() -> None:
    kept = torch.tensor([[[0.0, 1.0], [5.0, 6.0]]])
    segments = torch.tensor([[[0.0, 1.0], [5.0, 6.1]]])
    assert torch.equal(vote_segments(kept, segments, torch.tensor([[0.0, -torch.inf]]), 0.5), kept)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_nothing_gives_nothing(shape: tuple[int, int]) -> None:
    segments = torch.zeros(*shape, 2)
    assert vote_segments(segments, segments, torch.zeros(shape), 0.5).shape == segments.shape
