"""Snippet sequences of several videos, or windows of them, as one batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from aher_lightning.structures import SnippetSequence, SnippetSequences


def pack_snippets(sequences: Sequence[SnippetSequence]) -> SnippetSequences:
    """Pack sequences with values ``(N_i, ...)`` of equal trailing shape into one with values ``(sum N_i, ...)``."""
    return SnippetSequences(
        values=torch.cat([sequence.values for sequence in sequences]),
        lengths=torch.tensor([len(sequence.values) for sequence in sequences]),
        first_centres=torch.tensor([sequence.first_centre for sequence in sequences]),
        steps=torch.tensor([sequence.step for sequence in sequences]),
    )
