from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import pytorch_lightning as pl
from torch.utils.data import Dataset

from aher_lightning.datamodules.evaluation_loader import EvaluationLoader
from aher_lightning.errors import DataError
from tests.helpers.training import quiet_trainer


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
