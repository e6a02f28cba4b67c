from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from aher_lightning.datasets.sampling import EvaluationSampler, IterationSampler, SampleKey


def sampler(**options: int) -> IterationSampler:
    settings: dict[str, Any] = {"seed": 3, "rank": 0, "world_size": 1}
    return IterationSampler(10, 4, stream="moments", **(settings | options))


def indices(batch: list[SampleKey]) -> list[int]:
    return [key.place for key in batch]


def test_every_pass_visits_every_sample_once() -> None:
    drawn = indices(list(islice(sampler(), 40)))
    for start in range(0, 40, 10):
        assert sorted(drawn[start : start + 10]) == list(range(10))
    assert drawn[:10] != drawn[10:20]


def test_an_iteration_is_a_pure_function_of_its_number() -> None:
    consumed = sampler()
    list(islice(consumed, 100))
    assert consumed.batch(7) == sampler().batch(7)
    assert sampler(seed=4).batch(7) != sampler().batch(7)


def test_iteration_starts_where_the_module_stands() -> None:
    finished = 0
    resumable = IterationSampler(10, 4, seed=3, stream="moments", first_iteration=lambda: finished)
    whole = list(islice(resumable, 24))
    finished = 4
    assert list(islice(resumable, 8)) == whole[16:]
    assert [key.iteration for key in whole[::4]] == list(range(6))


def test_ranks_share_the_batch_of_one_large_process() -> None:
    one = IterationSampler(10, 8, seed=3, stream="moments")
    for iteration in range(5):
        parts = [sampler(rank=rank, world_size=2).batch(iteration) for rank in (0, 1)]
        assert parts[0] + parts[1] == one.batch(iteration)


def test_streams_are_shuffled_differently() -> None:
    other = IterationSampler(10, 10, seed=3, stream="untrimmed").batch(0)
    assert indices(other) != indices(IterationSampler(10, 10, seed=3, stream="moments").batch(0))


def test_the_order_has_no_end() -> None:
    with pytest.raises(TypeError, match="moments: the sequence of samples is endless"):
        len(sampler())


@pytest.mark.parametrize(("size", "batch_size"), [(0, 4), (10, 0)])
def test_nothing_to_draw_is_refused(size: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match="moments: size and batch size must be positive"):
        IterationSampler(size, batch_size, seed=0, stream="moments")


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_evaluation_visits_every_sample_once_over_all_ranks(world_size: int) -> None:
    shards = [EvaluationSampler(7, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert sorted(key.place for shard in shards for key in shard) == list(range(7))
    assert [len(shard) for shard in shards] == [len(list(shard)) for shard in shards]
    assert all(key.iteration == -1 for shard in shards for key in shard)
