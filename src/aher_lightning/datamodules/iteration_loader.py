"""Endless training loader, which resumes without a saved state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset

from aher_lightning.datamodules.worker_errors import with_plain_errors
from aher_lightning.datasets.sampling import IterationSampler


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
