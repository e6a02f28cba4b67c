from __future__ import annotations

from collections.abc import Iterator

import pytest
from torch.utils.data import DataLoader, Dataset

from aher_lightning.datamodules.worker_errors import with_plain_errors
from aher_lightning.errors import ContractError, DataError


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
