"""The endless training loader, which Lightning may resume without saving any state of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset

from aher_lightning.datamodules.worker_errors import with_plain_errors
from aher_lightning.datasets.sampling import IterationSampler


class IterationLoader(DataLoader[Any]):
    """A data loader whose place is the module's iteration count.

    Lightning asks resumable loaders for their state; this one has none, because its sampler begins at
    the iteration that the module, restored before, says it has reached.

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
        """How many samples batches are drawn from."""
        return self.iterations.size

    def peek(self, num_samples: int) -> Any:  # noqa: ANN401 - what the collate function makes
        """Return the first samples of the first iteration, read within this process.

        Args:
            num_samples: How many; at most those of a batch.

        Returns:
            A batch of them.

        Raises:
            AherError: If they cannot be read.
        """
        keys = self.iterations.batch(0)[:num_samples]
        return self.collate_fn([self.dataset[key] for key in keys])

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch promises its own class, Lightning asks none
        return with_plain_errors(super().__iter__())

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the module keeps the iteration."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing: the sampler asks the module where to begin."""
