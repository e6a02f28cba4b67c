"""The evaluation loader, which leaves out what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from aher_lightning.datamodules.worker_errors import with_plain_errors


class EvaluationLoader(DataLoader[Any]):
    """A data loader that passes over batches of which nothing could be read.

    Whoever iterates sees real batches only: there may be fewer of them than ``len`` says. Its ``collate_fn`` returns
    ``None`` for such a batch, as :func:`~aher_lightning.datasets.collate.collate_readable` does.
    """

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch promises its own class, Lightning asks none
        return _without_none(super().__iter__())


def _without_none(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches that are not ``None``; its argument has started the loader processes already."""
    return (batch for batch in with_plain_errors(batches) if batch is not None)
