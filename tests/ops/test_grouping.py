from __future__ import annotations

import torch

from aher_lightning.ops.grouping import group_snippets


def slow_groups(scores: torch.Tensor, thresholds: tuple[float, ...]) -> set[tuple[int, int, int]]:
    found = set()
    for category in range(scores.shape[1]):
        for threshold in thresholds:
            start = None
            for step, score in enumerate([*scores[:, category].tolist(), -1.0]):
                if score > threshold and start is None:
                    start = step
                elif score <= threshold and start is not None:
                    found.add((category, start, step))
                    start = None
    return found


def test_groups_equal_a_plain_search() -> None:
    generator = torch.Generator().manual_seed(0)
    thresholds = (0.2, 0.5, 0.8)
    for steps in (1, 2, 7, 30):
        scores = torch.rand(steps, 3, generator=generator)
        found = group_snippets(scores, thresholds, max_groups=1000)
        triples = torch.cat([found.labels[:, None], found.segments.long()], dim=1)
        assert set(map(tuple, triples.tolist())) == slow_groups(scores, thresholds)
        assert len(triples) == len(torch.unique(triples, dim=0))


def test_score_is_the_mean_of_the_run_and_best_comes_first() -> None:
    scores = torch.tensor([[0.9, 0.0], [0.7, 0.6], [0.0, 0.6]])
    found = group_snippets(scores, (0.5,), max_groups=10)
    assert found.segments.tolist() == [[0.0, 2.0], [1.0, 3.0]]
    torch.testing.assert_close(found.scores, torch.tensor([0.8, 0.6]))
    assert found.labels.tolist() == [0, 1]


def test_only_the_best_are_kept() -> None:
    scores = torch.rand(50, 4, generator=torch.Generator().manual_seed(1))
    few, all_ = (group_snippets(scores, (0.3, 0.6), max_groups=count) for count in (5, 1000))
    assert few.segments.tolist() == all_.segments[:5].tolist()
    assert len(all_.scores) > 5


def test_nothing_above_the_thresholds_gives_nothing() -> None:
    found = group_snippets(torch.zeros(4, 2), (0.5,), max_groups=10)
    assert found.segments.shape == (0, 2)
    assert len(found.scores) == len(found.labels) == 0
