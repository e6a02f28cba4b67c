from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.models.base import Suppression
from aher_lightning.models.suppression import HardNMS, SegmentVoting, SoftNMS

NESTED = torch.tensor([[[0.0, 1.0], [0.0, 0.99], [0.0, 0.5]]])
SCORES = torch.tensor([[0.5, 0.6, 0.4]])
LABELS = torch.tensor([[0, 1, 0]])

ALL = [
    HardNMS(0.5),
    HardNMS(0.5, class_agnostic=False),
    SoftNMS(),
    SoftNMS("linear"),
    SoftNMS(class_agnostic=False),
    SegmentVoting(HardNMS(0.5)),
    SegmentVoting(SoftNMS(), 0.9),
    SegmentVoting(SoftNMS(class_agnostic=False)),
]


@pytest.mark.parametrize(("class_agnostic", "expected"), [(True, [[1, 2]]), (False, [[1, 0, 2]])])
def test_hard_nms(class_agnostic: bool, expected: list[list[int]]) -> None:
    survivors = HardNMS(0.9, class_agnostic=class_agnostic)(NESTED, SCORES, LABELS, 100)
    assert survivors.indices.tolist() == expected
    assert torch.equal(survivors.segments, NESTED[:, expected[0]])
    assert torch.equal(survivors.scores, SCORES[:, expected[0]])
    assert HardNMS()(NESTED, SCORES, LABELS, 1).indices.tolist() == [[1]]


def test_soft_nms_lowers_scores_of_the_same_category_or_of_all() -> None:
    agnostic = SoftNMS("linear", threshold=0.4)(NESTED, SCORES, LABELS, 100)
    assert agnostic.indices.tolist() == [[1, 2, 0]]
    torch.testing.assert_close(agnostic.scores, torch.tensor([[0.6, 0.4 * (1 - 50 / 99), 0.5 * 0.01 * 0.5]]))
    by_category = SoftNMS("linear", threshold=0.4, class_agnostic=False)(NESTED, SCORES, LABELS, 100)
    assert by_category.indices.tolist() == [[1, 0, 2]]
    torch.testing.assert_close(by_category.scores, torch.tensor([[0.6, 0.5, 0.2]]))


def test_voting_moves_survivors_to_the_mean_of_what_overlaps_them() -> None:
    segments = torch.tensor([[[0.2, 0.6], [0.2, 0.5], [0.7, 0.9]]])
    survivors = SegmentVoting(HardNMS(0.5), 0.7)(segments, torch.tensor([[0.4, 0.2, 0.1]]), torch.zeros(1, 3).long(), 9)
    assert survivors.indices.tolist() == [[0, 2]]
    # weights 0.4 of the first and 0.2 * 0.75 of the second
    torch.testing.assert_close(survivors.segments[0, 0], torch.tensor([0.2, (0.4 * 0.6 + 0.15 * 0.5) / 0.55]))
    torch.testing.assert_close(survivors.segments[0, 1], segments[0, 2])
    torch.testing.assert_close(survivors.scores, torch.tensor([[0.4, 0.1]]))


def test_only_the_own_category_votes_if_categories_are_compared() -> None:
    segments = torch.tensor([[[0.2, 0.6], [0.2, 0.5]]])
    vote = SegmentVoting(HardNMS(0.9, class_agnostic=False), 0.7)
    assert torch.allclose(vote(segments, SCORES[:, :2], LABELS[:, :2], 9).segments, segments.flip(1))


@pytest.mark.parametrize("suppression", ALL, ids=lambda one: type(one).__name__)
def test_laws_of_every_suppression(suppression: Suppression) -> None:
    generator = torch.Generator().manual_seed(0)
    segments = torch.rand(5, 40, 2, generator=generator).sort(dim=-1).values
    scores, labels = torch.rand(5, 40, generator=generator), torch.randint(3, (5, 40), generator=generator)
    scores[:, 30:] = -torch.inf
    survivors = suppression(segments, scores, labels, 20)
    is_real = survivors.indices >= 0
    assert is_real.any(dim=1).all()
    assert survivors.indices.shape[1] <= 20
    assert (survivors.indices < 30).all()  # no absent one
    for row, real in enumerate(is_real):
        kept, count = survivors.indices[row, real], int(real.sum())
        assert not is_real[row, count:].any()  # padding comes last
        assert len(set(kept.tolist())) == count
        assert kept[0] == scores[row].argmax()  # the best one keeps its score
        assert survivors.scores[row, 0] == scores[row].max()
        assert (survivors.scores[row, real].diff() <= 0).all()
        assert (survivors.scores[row, real] <= scores[row, kept]).all()
        assert (survivors.segments[row, real].diff(dim=-1) > 0).all()
        alone = suppression(segments[row : row + 1], scores[row : row + 1], labels[row : row + 1], 20)
        assert torch.equal(alone.indices[0][alone.indices[0] >= 0], kept)


@pytest.mark.parametrize("suppression", ALL, ids=lambda one: type(one).__name__)
def test_nothing_to_suppress(suppression: Suppression) -> None:
    for batch_size, count in ((0, 4), (2, 0)):
        shape = batch_size, count
        survivors = suppression(torch.zeros(*shape, 2), torch.zeros(shape), torch.zeros(shape).long(), 9)
        assert survivors.indices.shape == survivors.scores.shape == (batch_size, 0)
        assert survivors.segments.shape == (batch_size, 0, 2)
    absent = suppression(NESTED, torch.full((1, 3), -torch.inf), LABELS, 9)
    assert not (absent.indices >= 0).any()


def test_impossible_options_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'suppression': sigma of soft-NMS must be positive, got 0"):
        SoftNMS(sigma=0)
    with pytest.raises(ConfigError, match=r"threshold of soft-NMS must lie in \[0, 1\], got 2"):
        SoftNMS("linear", threshold=2)
    with pytest.raises(ConfigError, match=r"of a vote is 0; give more than 0"):
        SegmentVoting(HardNMS(), 0)
