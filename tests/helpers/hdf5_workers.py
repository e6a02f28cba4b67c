"""Read an HDF5 store in two loader workers: ``python -m tests.helpers.hdf5_workers FOLDER fork|spawn``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from aher_lightning.features.hdf5 import Hdf5Store


class Spans(Dataset[Tensor]):
    """Spans of a store: their sum, and whether the file stays open after reading."""

    def __init__(self, store: Hdf5Store) -> None:
        self.store = store

    def __len__(self) -> int:
        return 16

    def __getitem__(self, number: int) -> Tensor:
        values = self.store.read("ab"[number % 2], (number / 2, number / 2 + 3.0)).values
        return torch.stack([values.sum(), torch.tensor(float(self.store._opened is not None))])


def compare(root: Path, context: str) -> str:
    """Read in this process, then in two workers; say how they differ, or ``equal``."""
    store = Hdf5Store(root)
    # Read before the workers start: what was open then would break them.
    alone = torch.stack([Spans(store)[number] for number in range(16)])
    together = torch.cat(list(DataLoader(Spans(store), batch_size=4, num_workers=2, multiprocessing_context=context)))
    if alone[:, 1].any() or store._opened is not None or not together[:, 1].all():
        return "open in the wrong process"
    return "equal" if torch.equal(alone[:, 0], together[:, 0]) else "different"


if __name__ == "__main__":
    sys.stdout.write(compare(Path(sys.argv[1]), sys.argv[2]))
