"""Samples of videos of which some cannot be decoded: replaced in training, left out in evaluation."""

from __future__ import annotations

from typing import Protocol, TypeVar

import torch
from torch.utils.data import Dataset

from aher_lightning.datasets.quarantine import Quarantine
from aher_lightning.datasets.sampling import SampleKey
from aher_lightning.errors import DataError, VideoError
from aher_lightning.ops.randomness import random_generator

MOST_ATTEMPTS = 20
"""Samples that are tried, one after another, before a run stops."""

_Sample_co = TypeVar("_Sample_co", covariant=True)


class KeyedDataset(Protocol[_Sample_co]):
    """A dataset that is asked for samples by key, and can tell the video of each."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: SampleKey) -> tuple[int, _Sample_co]: ...

    def video_id(self, place: int) -> str:
        """Return the name of the video that the sample at a place is read from."""
        ...


def read_sample(
    dataset: KeyedDataset[_Sample_co], key: SampleKey, quarantine: Quarantine
) -> tuple[int, _Sample_co] | None:
    """Return a sample, unless its video cannot be decoded, which puts the video into quarantine.

    Args:
        dataset: The samples.
        key: Which one.
        quarantine: The videos that are not tried again.

    Returns:
        Pair of iteration and sample, or nothing.
    """
    video_id = dataset.video_id(key.place)
    if video_id in quarantine:
        return None
    try:
        return dataset[key]
    except (VideoError, DataError) as error:
        quarantine.add(video_id, str(error))
        return None


class SubstitutingDataset(Dataset[tuple[int, _Sample_co]]):
    """Training samples; in place of one that cannot be read comes another one.

    Which one is a function of the key and the number of the attempt alone, so a run over the same files repeats
    and resumes exactly.

    Args:
        dataset: The samples.
        quarantine: The videos that are not tried again.
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
            sample = read_sample(self.dataset, self._attempted(key, attempt), self.quarantine)
            if sample is not None:
                return sample
            self._check_fraction()
        raise DataError(f"{MOST_ATTEMPTS} samples of {self.what} in a row cannot be read; {self._last_reason()}")

    def _attempted(self, key: SampleKey, attempt: int) -> SampleKey:
        """The key itself, or that of a sample in place of it."""
        if attempt == 0:
            return key
        generator = random_generator(key.seed_key, "in place of it", attempt)
        return key._replace(place=int(torch.randint(len(self), (), generator=generator)))

    def _check_fraction(self) -> None:
        """Stop where most of the data is broken: that is no accident."""
        broken = sum(video_id in self.videos for video_id in self.quarantine.reasons)
        if 2 * broken > len(self.videos):
            raise DataError(f"{broken} of {len(self.videos)} {self.what} cannot be read; {self._last_reason()}")

    def _last_reason(self) -> str:
        """What was wrong with the last video, and the remedy."""
        return f"mend the files, the last of them because: {list(self.quarantine.reasons.values())[-1]}"


class OmittingDataset(Dataset["tuple[int, _Sample_co] | None"]):
    """Evaluation samples; nothing in place of one that cannot be read.

    Args:
        dataset: The samples.
        quarantine: The videos that are not tried again.
    """

    def __init__(self, dataset: KeyedDataset[_Sample_co], quarantine: Quarantine) -> None:
        self.dataset = dataset
        self.quarantine = quarantine

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: SampleKey) -> tuple[int, _Sample_co] | None:
        return read_sample(self.dataset, key, self.quarantine)
