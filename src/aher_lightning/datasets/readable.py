"""Datasets that survive undecodable videos: training replaces their samples, evaluation leaves them out."""

from __future__ import annotations

from typing import Protocol, TypeVar

import torch
from torch.utils.data import Dataset

from aher_lightning.datasets.quarantine import Quarantine
from aher_lightning.datasets.sampling import SampleKey
from aher_lightning.errors import DataError, VideoError
from aher_lightning.ops.randomness import random_generator

MOST_ATTEMPTS = 20
"""Consecutive unreadable samples after which a run stops."""

_Sample_co = TypeVar("_Sample_co", covariant=True)


class KeyedDataset(Protocol[_Sample_co]):
    """A dataset of samples by key, which knows the video of each."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: SampleKey) -> tuple[int, _Sample_co]: ...

    def video_id(self, index: int) -> str:
        """Return the id of the video of the sample at an index."""
        ...


def _read_sample(
    dataset: KeyedDataset[_Sample_co], key: SampleKey, quarantine: Quarantine
) -> tuple[int, _Sample_co] | None:
    """Iteration and sample, or ``None`` if its video is in quarantine, where an unreadable one is put."""
    video_id = dataset.video_id(key.place)
    if video_id in quarantine:
        return None
    try:
        return dataset[key]
    except (VideoError, DataError) as error:
        quarantine.add(video_id, str(error))
        return None


class SubstitutingDataset(Dataset[tuple[int, _Sample_co]]):
    """Training samples; one that cannot be read is replaced by another.

    The other depends only on the key and the number of the attempt, so a run over the same files is reproducible and
    resumes exactly.

    Args:
        dataset: The samples.
        quarantine: Videos not to try again.
        what: What the samples are, for messages.

    Raises:
        DataError: On reading, if more than half of the videos, or :data:`MOST_ATTEMPTS` samples in a row, cannot be
            read.
    """

    def __init__(self, dataset: KeyedDataset[_Sample_co], quarantine: Quarantine, what: str) -> None:
        self.dataset = dataset
        self.quarantine = quarantine
        self.what = what
        self.videos = {dataset.video_id(place) for place in range(len(dataset))}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: SampleKey) -> tuple[int, _Sample_co]:
        for attempt in range(MOST_ATTEMPTS):
            sample = _read_sample(self.dataset, self._attempted(key, attempt), self.quarantine)
            if sample is not None:
                return sample
            self._check_fraction()
        raise DataError(f"{MOST_ATTEMPTS} samples of {self.what} in a row cannot be read; {self._last_reason()}")

    def _attempted(self, key: SampleKey, attempt: int) -> SampleKey:
        """The key itself, or that of a replacement."""
        if attempt == 0:
            return key
        generator = random_generator(key.seed_key, "in place of it", attempt)
        return key._replace(place=int(torch.randint(len(self), (), generator=generator)))

    def _check_fraction(self) -> None:
        """Stop if most of the data is broken, which has a common cause."""
        broken = sum(video_id in self.videos for video_id in self.quarantine.reasons)
        if 2 * broken > len(self.videos):
            raise DataError(f"{broken} of {len(self.videos)} {self.what} cannot be read; {self._last_reason()}")

    def _last_reason(self) -> str:
        """Error of the last video, and the remedy."""
        return f"repair the files; last error: {list(self.quarantine.reasons.values())[-1]}"


class OmittingDataset(Dataset["tuple[int, _Sample_co] | None"]):
    """Evaluation samples; ``None`` for one that cannot be read."""

    def __init__(self, dataset: KeyedDataset[_Sample_co], quarantine: Quarantine) -> None:
        self.dataset = dataset
        self.quarantine = quarantine

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: SampleKey) -> tuple[int, _Sample_co] | None:
        return _read_sample(self.dataset, key, self.quarantine)
