"""What a feature bank holds: snippet features of moments, and of untrimmed videos with their instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.errors import CheckpointError
from aher_lightning.ops.precision import to_float16
from aher_lightning.structures import SnippetSequences

_SMALLEST_STEP = 1e-6
"""Shortest distance of snippets that is accepted, as part of their video: durations are its inverse."""


class StoredMoments(NamedTuple):
    """Moments at the resolution of their snippets.

    Attributes:
        snippets: Snippet features, float16 ``(sum N, C)``.
        labels: Categories, int64 ``(n,)``.
    """

    snippets: SnippetSequences
    labels: Tensor


class StoredVideos(NamedTuple):
    """Untrimmed videos at the resolution of their snippets.

    Attributes:
        snippets: Snippet features, float16 ``(sum N, C)``.
        segments: Instances ``(start, end)``, normalized, ``(m, G, 2)``.
        labels: Their categories, int64 ``(m, G)``; -1 marks padding, which comes last.
    """

    snippets: SnippetSequences
    segments: Tensor
    labels: Tensor


class BankContent(NamedTuple):
    """The content of a feature bank.

    Attributes:
        moments: Moments, oldest first.
        videos: Untrimmed videos, oldest first.
    """

    moments: StoredMoments
    videos: StoredVideos

    def state(self) -> dict[str, Tensor]:
        """Return the content as tensors by name, which checkpoints store; see :func:`read_bank`."""
        return {
            f"{part}.{name}": values
            for part, stored in (("moments", self.moments), ("videos", self.videos))
            for name, values in {**stored.snippets._asdict(), **stored._asdict()}.items()
            if name != "snippets"
        }

    def with_moments(self, moments: StoredMoments) -> BankContent:
        """Return the content with more moments behind its own."""
        own = self.moments
        joined = join_sequences([own.snippets, moments.snippets]) if len(own.labels) else moments.snippets
        return self._replace(moments=StoredMoments(joined, torch.cat([own.labels, moments.labels])))

    def keep_categories(self, kept: Sequence[int]) -> BankContent:
        """Return the content without moments of other categories; labels become places in the list.

        Args:
            kept: Moment categories, as indices.
        """
        labels = self.moments.labels
        places = torch.full((max([*kept, *labels.tolist()], default=0) + 1,), -1)
        places[list(kept)] = torch.arange(len(kept))
        is_kept = places[labels] >= 0
        snippets = self.moments.snippets.select(is_kept.nonzero().flatten().tolist())
        return self._replace(moments=StoredMoments(snippets, places[labels][is_kept]))


_SEQUENCE_FIELDS = SnippetSequences._fields
_KEYS = {
    *(f"moments.{name}" for name in (*_SEQUENCE_FIELDS, "labels")),
    *(f"videos.{name}" for name in (*_SEQUENCE_FIELDS, "segments", "labels")),
}


def empty_content(channels: int = 0) -> BankContent:
    """Return a content without anything, of features with C channels."""
    none = SnippetSequences(
        torch.zeros(0, channels, dtype=torch.float16), torch.zeros(0).long(), torch.zeros(0), torch.zeros(0)
    )
    videos = StoredVideos(none, torch.zeros(0, 0, 2), torch.zeros(0, 0).long())
    return BankContent(StoredMoments(none, torch.zeros(0).long()), videos)


def join_sequences(batches: Sequence[SnippetSequences]) -> SnippetSequences:
    """Return the sequences of several batches as one, in half precision, on the CPU.

    Args:
        batches: At least one.
    """
    values, *others = (torch.cat([one.cpu() for one in field]) for field in zip(*batches, strict=True))
    return SnippetSequences(to_float16(values), *others)


def read_bank(state: object) -> BankContent:
    """Return what :meth:`BankContent.state` stored.

    Args:
        state: Tensors by name; may come from anybody.

    Raises:
        CheckpointError: If anything is missing, of another kind, or inconsistent.
    """
    if not isinstance(state, Mapping) or state.keys() != _KEYS:
        raise _damaged()
    if not all(isinstance(one, Tensor) and one.layout == torch.strided for one in state.values()):
        raise _damaged()
    moments, videos = (
        SnippetSequences(*(state[f"{part}.{name}"] for name in _SEQUENCE_FIELDS)) for part in BankContent._fields
    )
    found = BankContent(
        StoredMoments(moments, state["moments.labels"]),
        StoredVideos(videos, state["videos.segments"], state["videos.labels"]),
    )
    if not (_are_sequences(moments) and _are_sequences(videos) and _are_labels(found) and _are_instances(found.videos)):
        raise _damaged()
    if len(moments.lengths) and len(videos.lengths) and moments.values.shape[1] != videos.values.shape[1]:
        raise _damaged()
    return found


def _damaged() -> CheckpointError:
    return CheckpointError("the checkpoint's feature bank is damaged; give another checkpoint")


def _are_sequences(snippets: SnippetSequences) -> bool:
    """Whether lengths sum to the number of snippets, and all numbers are finite."""
    values, lengths, first_centres, steps = snippets
    if values.ndim != 2 or values.dtype != torch.float16 or lengths.ndim != 1 or lengths.dtype != torch.int64:
        return False
    if not all(one.shape == lengths.shape and one.is_floating_point() for one in (first_centres, steps)):
        return False
    if bool((lengths < 1).any()) or bool((lengths > len(values)).any()) or int(lengths.sum()) != len(values):
        return False
    are_finite = all(bool(one.isfinite().all()) for one in (values, first_centres, steps))
    return are_finite and bool((steps >= _SMALLEST_STEP).all())


def _are_labels(content: BankContent) -> bool:
    """Whether every moment has a category."""
    labels = content.moments.labels
    is_kind = labels.dtype == torch.int64 and labels.shape == content.moments.snippets.lengths.shape
    return is_kind and bool((labels >= 0).all())


def _are_instances(videos: StoredVideos) -> bool:
    """Whether instances lie inside their video, padding last."""
    _, segments, labels = videos
    if labels.ndim != 2 or labels.dtype != torch.int64 or len(labels) != len(videos.snippets.lengths):
        return False
    if segments.shape != (*labels.shape, 2) or not segments.is_floating_point():
        return False
    is_inside = (segments >= 0) & (segments <= 1)
    is_padding = labels == -1
    are_ordered = not bool((is_padding[:, :-1] & ~is_padding[:, 1:]).any())
    return are_ordered and bool((labels >= -1).all()) and bool((is_inside.all(-1) | is_padding).all())
