from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from aher_lightning.datamodules.loaders import EvaluationLoader, IterationLoader, with_plain_errors
from aher_lightning.datasets.sampling import IterationSampler, SampleKey
from aher_lightning.errors import ContractError, DataError
from tests.helpers.training import quiet_trainer


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


class Numbers(Dataset["int | None"]):
    """Some numbers, nothing in place of some."""

    def __init__(self, *numbers: int | None) -> None:
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> int | None:
        if self.numbers[place] == 13:
            raise DataError("the store is damaged; mend it")
        return self.numbers[place]


def collate(numbers: Sequence[int | None]) -> list[int] | None:
    return [number for number in numbers if number is not None] or None


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, 2, 3), [[1, 2], [3]]),
        ((None, None, 1, None, 2), [[1], [2]]),
        ((1, None, None, None), [[1]]),
        ((None, None, None), []),
    ],
)
def test_empty_batches_do_not_appear(numbers: tuple[int | None, ...], expected: object, num_workers: int) -> None:
    loader = EvaluationLoader(Numbers(*numbers), batch_size=2, collate_fn=collate, num_workers=num_workers)
    assert list(loader) == list(loader) == expected


def test_errors_come_out_as_one_line() -> None:
    loader = EvaluationLoader(Numbers(1, 13), batch_size=1, collate_fn=collate)
    with pytest.raises(DataError, match=r"^the store is damaged; mend it$"):
        list(loader)


class Recorder(pl.LightningModule):
    """Remembers the batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[int]] = []

    def record(self, batch: list[int], _: int) -> dict[str, int]:
        self.batches.append(batch)
        return {}

    validation_step = test_step = predict_step = record


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
@pytest.mark.parametrize("numbers", [(None, 1, 2), (1, None, 2), (1, 2, None), (None, None)])
def test_the_trainer_copes_with_fewer_batches_than_announced(
    verb: str, numbers: tuple[int | None, ...], tmp_path: Path
) -> None:
    module = Recorder()
    loader = EvaluationLoader(Numbers(*numbers), batch_size=1, collate_fn=collate)
    trainer = quiet_trainer(tmp_path, limit_val_batches=1.0, callbacks=[])
    getattr(trainer, verb)(module, dataloaders=loader)
    assert module.batches == [[number] for number in numbers if number is not None]


class Failing(Dataset[int]):
    """Fails on the second sample."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 3

    def __getitem__(self, place: int) -> int:
        if place == 1:
            raise self.error
        return place


@pytest.mark.parametrize("num_workers", [0, 1])
def test_the_message_is_the_same_with_and_without_processes(num_workers: int) -> None:
    loader = DataLoader(Failing(DataError("a.npy: is broken; mend it: now")), batch_size=1, num_workers=num_workers)
    found: list[object] = []
    with pytest.raises(DataError) as caught:
        found.extend(with_plain_errors(loader))
    assert str(caught.value) == "a.npy: is broken; mend it: now"
    assert [str(batch) for batch in found] == ["tensor([0])"]


def test_other_errors_keep_their_tracebacks() -> None:
    def batches() -> Iterator[int]:
        yield 1
        raise KeyError("Caught KeyError in a process\nOriginal Traceback")

    with pytest.raises(KeyError, match="Original Traceback"):
        list(with_plain_errors(batches()))


def test_batches_are_passed_on_and_errors_of_one_line_stay_the_same_object() -> None:
    def batches() -> Iterator[int]:
        yield from (1, 2)
        raise error

    error = ContractError("fps differs")
    found: list[object] = []
    with pytest.raises(ContractError) as caught:
        found.extend(with_plain_errors(batches()))
    assert (found, caught.value) == ([1, 2], error)
