from __future__ import annotations

from itertools import islice

import torch
from torch.utils.data import Dataset

from aher_lightning.datamodules.iteration_loader import IterationLoader
from aher_lightning.datasets.sampling import IterationSampler, SampleKey


class Keys(Dataset[SampleKey]):
    """Gives back what it is asked for."""

    def __getitem__(self, key: SampleKey) -> SampleKey:
        return key


def loader(first: int) -> IterationLoader:
    sampler = IterationSampler(5, 2, seed=0, stream="moments", first_iteration=lambda: first)
    return IterationLoader(Keys(), sampler, collate_fn=list)


def test_it_begins_where_the_module_stands() -> None:
    whole, resumed = list(islice(loader(0), 8)), list(islice(loader(3), 5))
    assert whole[3:] == resumed
    assert [batch[0].iteration for batch in resumed] == [3, 4, 5, 6, 7]


def test_every_pass_through_the_data_meets_every_sample_once() -> None:
    places = torch.tensor([[key.place for key in batch] for batch in islice(loader(0), 5)]).flatten()
    assert sorted(places[:5].tolist()) == sorted(places[5:].tolist()) == list(range(5))
    assert places[:5].tolist() != places[5:].tolist()


def test_it_has_no_state() -> None:
    running = loader(0)
    first = next(iter(running))
    assert running.state_dict() == {}
    running.load_state_dict({"batches": 3})
    assert next(iter(running)) == first


def test_the_first_samples_can_be_looked_at() -> None:
    looked_at = loader(3)
    assert looked_at.num_samples == 5
    assert looked_at.peek(2) == next(iter(loader(0)))
    assert looked_at.peek(1) == looked_at.peek(2)[:1]
    # Looking takes nothing away.
    assert [key.iteration for key in next(iter(looked_at))] == [3, 3]
