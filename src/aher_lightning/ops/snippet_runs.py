"""Runs of snippets: sequences cut to a bounded number of snippets, and the instances that remain in them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.structures import SnippetSequences


class SnippetRuns(NamedTuple):
    """One run of each sequence of a batch.

    Attributes:
        snippets: The runs, as sequences of their own.
        spans: ``(start, end)`` of each run, normalized to its sequence, ``(B, 2)``.
    """

    snippets: SnippetSequences
    spans: Tensor


def middle_runs(snippets: SnippetSequences, most: int) -> SnippetRuns:
    """Cut each sequence to the snippets in its middle; shorter ones stay whole.

    A run has the snippets' own distance in time, so that its actions keep their speed.

    Args:
        snippets: Sequences, B of them.
        most: Largest number of snippets of a run.

    Returns:
        The runs; whole sequences have the span ``(0, 1)``.

    Example:
        >>> values = torch.arange(4.0).unsqueeze(1)
        >>> whole = SnippetSequences(values, torch.tensor([4]), torch.tensor([0.125]), torch.tensor([0.25]))
        >>> runs = middle_runs(whole, 2)
        >>> runs.snippets.values.flatten().tolist(), runs.spans.tolist()
        ([1.0, 2.0], [[0.25, 0.75]])
    """
    values, lengths, first_centres, steps = snippets
    kept = lengths.clamp(max=most)
    firsts = (lengths - kept) // 2
    is_whole = kept == lengths
    sequences = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    places = torch.arange(len(values), device=lengths.device) - (lengths.cumsum(0) - lengths)[sequences]
    is_kept = (places >= firsts[sequences]) & (places < (firsts + kept)[sequences])
    starts = first_centres + (firsts - 0.5) * steps
    spans = torch.stack([starts.masked_fill(is_whole, 0), (starts + kept * steps).masked_fill(is_whole, 1)], dim=1)
    runs = SnippetSequences(
        values[is_kept],
        kept,
        torch.where(is_whole, first_centres, 0.5 / kept),
        torch.where(is_whole, steps, 1 / kept),
    )
    return SnippetRuns(runs, spans)


def instances_in_spans(segments: Tensor, labels: Tensor, spans: Tensor) -> tuple[Tensor, Tensor]:
    """Express instances in the time of a span of their video; those outside become padding.

    Args:
        segments: ``(start, end)``, normalized, shape ``(B, G, 2)``; G may be 0.
        labels: Categories, int64 ``(B, G)``; -1 marks padding.
        spans: One span of each video, ``(B, 2)``.

    Returns:
        Segments normalized to the span and clipped to it, ``(B, G, 2)``, and labels ``(B, G)``; padding comes last
        and has the segment ``(0, 0)``.

    Example:
        >>> segments = torch.tensor([[[0.0, 0.25], [0.5, 1.0]]])
        >>> inside, labels = instances_in_spans(segments, torch.tensor([[7, 8]]), torch.tensor([[0.25, 0.75]]))
        >>> inside.tolist(), labels.tolist()
        ([[[0.5, 1.0], [0.0, 0.0]]], [[8, -1]])
    """
    starts, ends = spans[:, None, :1], spans[:, None, 1:]
    moved = ((segments - starts) / (ends - starts)).clamp(0, 1)
    is_inside = (labels >= 0) & (moved[..., 1] > moved[..., 0])
    order = (~is_inside).byte().argsort(dim=1, stable=True)
    moved = moved.masked_fill(~is_inside.unsqueeze(-1), 0).gather(1, order.unsqueeze(-1).expand_as(moved))
    return moved, labels.masked_fill(~is_inside, -1).gather(1, order)
