"""Data loaders: endless training, evaluation without unreadable videos, and errors of loader processes in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from traceback import clear_frames
from typing import Any, TypeVar

from torch.utils.data import DataLoader, Dataset

from aher_lightning.datasets.sampling import IterationSampler
from aher_lightning.errors import AherError

_T = TypeVar("_T")


class IterationLoader(DataLoader[Any]):
    """A data loader whose position is the iteration count of the module.

    Lightning saves the state of resumable loaders; this one has none, because its sampler begins at the iteration
    count of the module, which is restored before.

    Args:
        dataset: The samples.
        sampler: Which of them make up which iteration.
        **options: See :class:`torch.utils.data.DataLoader`.
    """

    def __init__(self, dataset: Dataset[Any], sampler: IterationSampler, **options: Any) -> None:  # noqa: ANN401
        super().__init__(dataset, sampler=sampler, batch_size=sampler.batch_size, **options)
        self.iterations = sampler

    @property
    def num_samples(self) -> int:
        """Number of samples of the dataset."""
        return self.iterations.size

    def peek(self, num_samples: int) -> Any:  # noqa: ANN401 - what the collate function makes
        """Return a batch of the first samples, at most a full batch, of the first iteration, read in this process."""
        keys = self.iterations.batch(0)[:num_samples]
        return self.collate_fn([self.dataset[key] for key in keys])

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch promises its own class, Lightning asks none
        return with_plain_errors(super().__iter__())

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the module keeps the iteration."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing: the sampler asks the module where to begin."""


class EvaluationLoader(DataLoader[Any]):
    """A data loader that skips batches without any readable video, so there may be fewer than ``len`` says.

    Its ``collate_fn`` returns ``None`` for them, like :func:`~aher_lightning.datasets.collate.collate_readable`.
    """

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch promises its own class, Lightning asks none
        return _without_none(super().__iter__())


def _without_none(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches that are not ``None``; its argument has started the loader processes already."""
    return (batch for batch in with_plain_errors(batches) if batch is not None)


def with_plain_errors(batches: Iterable[_T]) -> Iterator[_T]:
    """Yield the batches of a data loader; restore the message of an ``AherError`` of a dataset.

    torch raises the error of a loader process again with its traceback as the message, whose last line has the class
    and the original message.
    """
    try:
        yield from batches
    except AherError as error:
        lines = str(error).strip().splitlines()
        if len(lines) < 2:
            raise
        name = f"{type(error).__module__}.{type(error).__qualname__}: "
        plain = type(error)(lines[-1].removeprefix(name))
        # The frames hold the loader, whose processes would outlive it for seconds.
        clear_frames(error.__traceback__)
    else:
        return
    del batches
    raise plain
