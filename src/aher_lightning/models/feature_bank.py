"""Snippet features of what training saw last: what categories that are added after training learn against."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from aher_lightning.errors import ConfigError
from aher_lightning.models.bank_content import (
    BankContent,
    StoredMoments,
    StoredVideos,
    empty_content,
    join_sequences,
    read_bank,
)
from aher_lightning.ops.precision import to_float16
from aher_lightning.ops.snippet_runs import instances_in_spans, middle_runs
from aher_lightning.structures import SnippetSequences

MOST_MOMENT_SNIPPETS = 64
MOST_VIDEO_SNIPPETS = 512
"""Snippets that are kept of the middle of a longer moment or video; they bound the size of the bank."""

_Batch = TypeVar("_Batch", StoredMoments, StoredVideos)


class FeatureBank:
    """The last moments and the last untrimmed videos, as snippet features in half precision.

    Features are those of the backbone at that time. They are kept at the resolution of the snippets, so that a
    network may see them as whole moments, or pasted into the background of the videos. With several processes each
    keeps its own, and the checkpoint has those of the first one.

    At most 384 MiB with the 2,048 channels of the paper and the default sizes: ``64 x 2 x 2048`` bytes for a moment
    and ``512 x 2 x 2048`` for a video, less for shorter ones.

    Args:
        num_moments: How many moments to keep; 0 keeps none.
        num_videos: How many untrimmed videos to keep; 0 keeps none.

    Raises:
        ConfigError: If a size is negative.

    Example:
        >>> bank = FeatureBank(2)
        >>> ones = torch.ones(1)
        >>> for number in range(3):
        ...     moment = SnippetSequences(torch.zeros(1, 4), ones.long(), 0.5 * ones, ones)
        ...     bank.add_moments(moment, torch.tensor([number]))
        >>> bank.content().moments.labels.tolist()
        [1, 2]
    """

    def __init__(self, num_moments: int = 1024, num_videos: int = 64) -> None:
        for name, size in (("feature_bank_size", num_moments), ("feature_bank_videos", num_videos)):
            if size < 0:
                raise ConfigError(f"'{name}' is {size}; give 0 to keep none, or more")
        self._moments = _LastSamples[StoredMoments](num_moments, _join_moments)
        self._videos = _LastSamples[StoredVideos](num_videos, _join_videos)

    @property
    def num_moments(self) -> int:
        """How many moments are stored."""
        return self._moments.count

    @property
    def num_videos(self) -> int:
        """How many untrimmed videos are stored."""
        return self._videos.count

    def add_moments(self, snippets: SnippetSequences, labels: Tensor) -> None:
        """Store moments.

        Args:
            snippets: Snippet features ``(sum N, C)``; clamped to the range of half precision.
            labels: Their categories, int64 ``(B,)``.
        """
        if self._moments.size:
            runs = _halve(middle_runs(snippets, MOST_MOMENT_SNIPPETS).snippets)
            self._moments.add(StoredMoments(runs, labels))

    def add_videos(self, snippets: SnippetSequences, segments: Tensor, labels: Tensor) -> None:
        """Store untrimmed videos.

        Args:
            snippets: Snippet features ``(sum N, C)``; clamped to the range of half precision.
            segments: Their instances, normalized, ``(B, G, 2)``.
            labels: Categories of the instances, int64 ``(B, G)``; -1 marks padding.
        """
        if self._videos.size:
            runs, spans = middle_runs(snippets, MOST_VIDEO_SNIPPETS)
            inside = instances_in_spans(segments.float(), labels, spans.float())
            self._videos.add(StoredVideos(_halve(runs), *inside))

    def content(self) -> BankContent:
        """Return everything stored, on the CPU."""
        moments, videos = self._moments.join(), self._videos.join()
        values = next((one.snippets.values for one in (moments, videos) if one is not None), None)
        none = empty_content(0 if values is None else values.shape[1])
        return BankContent(moments or none.moments, videos or none.videos)

    def state(self) -> dict[str, Tensor]:
        """Return everything stored as tensors by name, on the CPU."""
        return self.content().state()

    def load(self, state: object) -> None:
        """Restore what :meth:`state` returned, the newest entries if not all fit.

        Args:
            state: The stored tensors.

        Raises:
            CheckpointError: If it is malformed.
        """
        content = read_bank(state)
        self._moments.restore(content.moments)
        self._videos.restore(content.videos)


class _LastSamples(Generic[_Batch]):
    """The last samples of batches; whole batches are kept, on their device, until the newer ones suffice.

    Args:
        size: How many samples to keep.
        join: Joins batches on the CPU, given the rows to keep of the whole.
    """

    def __init__(self, size: int, join: Callable[[list[_Batch], list[int]], _Batch]) -> None:
        self.size = size
        self._join: Callable[[list[_Batch], list[int]], _Batch] = join
        self._batches: deque[_Batch] = deque()
        self._total = 0

    @property
    def count(self) -> int:
        """How many samples :meth:`join` returns."""
        return min(self._total, self.size)

    def add(self, batch: _Batch) -> None:
        self._batches.append(batch)
        self._total += len(batch.labels)
        while self._total - len(self._batches[0].labels) >= self.size:
            self._total -= len(self._batches.popleft().labels)

    def join(self) -> _Batch | None:
        """The last samples as one batch, ``None`` if there are none."""
        if not self.count:
            return None
        return self._join(list(self._batches), list(range(self._total - self.count, self._total)))

    def restore(self, batch: _Batch) -> None:
        self._batches.clear()
        self._total = 0
        if self.size and len(batch.labels):
            self.add(batch)


def _halve(snippets: SnippetSequences) -> SnippetSequences:
    """The same snippets in half precision, without graph."""
    return snippets._replace(values=to_float16(snippets.values.detach()))


def _join_moments(batches: list[StoredMoments], rows: list[int]) -> StoredMoments:
    snippets = join_sequences([one.snippets for one in batches])
    labels = torch.cat([one.labels.cpu() for one in batches])
    return StoredMoments(snippets.select(rows), labels[rows])


def _join_videos(batches: list[StoredVideos], rows: list[int]) -> StoredVideos:
    """Join, with no more padding than the rows need."""
    most = max(one.labels.shape[1] for one in batches)
    missing = [most - one.labels.shape[1] for one in batches]
    pairs = list(zip(batches, missing, strict=True))
    labels = torch.cat([functional.pad(one.labels.cpu(), (0, more), value=-1) for one, more in pairs])[rows]
    segments = torch.cat([functional.pad(one.segments.cpu(), (0, 0, 0, more)) for one, more in pairs])[rows]
    needed = int((labels >= 0).sum(dim=1).max())
    snippets = join_sequences([one.snippets for one in batches]).select(rows)
    return StoredVideos(snippets, segments[:, :needed].contiguous(), labels[:, :needed].contiguous())
