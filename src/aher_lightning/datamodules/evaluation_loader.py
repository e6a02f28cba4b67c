"""Evaluation loader, which leaves out unreadable videos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from aher_lightning.datamodules.worker_errors import with_plain_errors


class EvaluationLoader(DataLoader[Any]):
    """A data loader that skips batches without any readable video, so there may be fewer than ``len`` says.

    Its ``collate_fn`` returns ``None`` for them, like :func:`~aher_lightning.datasets.collate.collate_readable`.
    """

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch promises its own class, Lightning asks none
        return _without_none(super().__iter__())


def _without_none(batches: _BaseDataLoaderIter) -> Iterator[Any]:
    """The batches that are not ``None``; its argument has started the loader processes already."""
    return (batch for batch in with_plain_errors(batches) if batch is not None)
