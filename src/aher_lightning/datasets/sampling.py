"""Samplers: the samples of an iteration are a pure function of (seed, iteration, rank, world size).

Both are a ``DistributedSampler``, the one kind that Lightning never replaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple, cast

import torch
from torch.utils.data import Dataset, DistributedSampler

from aher_lightning.ops.randomness import random_generator


class SampleKey(NamedTuple):
    """Key of a sample.

    Attributes:
        place: Index in the dataset.
        iteration: Training iteration; -1 in evaluation.
        seed_key: Seed of all random choices about this sample.
    """

    place: int
    iteration: int = -1
    seed_key: str = "evaluation"


class IterationSampler(DistributedSampler[SampleKey]):
    """Yield the samples of iteration ``first_iteration()``, of the next one, and so on without end.

    Samples run through one shuffled order after another; iteration ``i`` of all ranks together takes
    positions ``[i * B * W, (i + 1) * B * W)`` of that endless sequence and rank ``r`` the ``r``-th
    part of it. So resuming needs only the iteration number, ranks never overlap within an iteration, and
    W ranks with batch B see the same samples as one process with batch B * W.

    Args:
        size: Number of samples in the dataset.
        batch_size: Samples per batch and rank.
        seed: Seed of the run.
        stream: Name of the loader, so that loaders of equal size are shuffled differently.
        rank: Rank of this process.
        world_size: Number of processes.
        first_iteration: Returns the first iteration when iteration starts.

    Raises:
        ValueError: If the dataset is empty or the batch size is not positive.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        *,
        seed: int,
        stream: str,
        rank: int = 0,
        world_size: int = 1,
        first_iteration: Callable[[], int] = lambda: 0,
    ) -> None:
        if size < 1 or batch_size < 1:
            raise ValueError(f"{stream}: size and batch size must be positive, but are {size} and {batch_size}")
        super().__init__(_places(size), num_replicas=world_size, rank=rank, seed=seed)
        self.size = size
        self.batch_size = batch_size
        self.stream = stream
        self.first_iteration = first_iteration
        self._round = -1
        self._order: list[int] = []

    def batch(self, iteration: int) -> list[SampleKey]:
        """Return the keys of this rank's batch in an iteration, counted from 0."""
        first = (iteration * self.num_replicas + self.rank) * self.batch_size
        positions = range(first, first + self.batch_size)
        return [self._key(position, iteration) for position in positions]

    def __iter__(self) -> Iterator[SampleKey]:
        for iteration in count(self.first_iteration()):
            yield from self.batch(iteration)

    def __len__(self) -> int:
        """Raise a ``TypeError``: training samples never end."""
        raise TypeError(f"{self.stream}: the sequence of samples is endless")

    def _key(self, position: int, iteration: int) -> SampleKey:
        index = self._shuffled(position // self.size)[position % self.size]
        return SampleKey(index, iteration, f"{self.seed}/{self.stream}/{position}")

    def _shuffled(self, round_: int) -> list[int]:
        """The order of one epoch; the last one is cached because consecutive batches use it."""
        if round_ != self._round:
            generator = random_generator(self.seed, self.stream, "order", round_)
            self._order = torch.randperm(self.size, generator=generator).tolist()
            self._round = round_
        return self._order


class EvaluationSampler(DistributedSampler[SampleKey]):
    """Yield every sample exactly once over all ranks, without repeating any for equal numbers."""

    def __init__(self, size: int, *, rank: int = 0, world_size: int = 1) -> None:
        super().__init__(_places(size), num_replicas=world_size, rank=rank)
        self.size = size

    def __iter__(self) -> Iterator[SampleKey]:
        return (SampleKey(index) for index in range(self.rank, self.size, self.num_replicas))

    def __len__(self) -> int:
        return len(range(self.rank, self.size, self.num_replicas))


def _places(size: int) -> Dataset[int]:
    """A dataset of which torch's sampler uses only the length."""
    return cast("Dataset[int]", range(size))
