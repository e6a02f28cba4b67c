"""Detection in videos that are much longer than those of training: window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

import torch

from aher_lightning.ops.packing import pack_snippets
from aher_lightning.ops.spans import place_snippets
from aher_lightning.ops.windows import Window
from aher_lightning.structures import Candidates, SnippetSequence, SnippetSequences

_WINDOWS_AT_ONCE = 8
"""Windows that run through the network at once."""


class FindsCandidates(Protocol):
    """What finds candidates in windows, a module."""

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        ...

    def candidates(self, snippets: SnippetSequences) -> Candidates:
        """Return candidates in each window."""
        ...

    def shortlist(self, candidates: Candidates) -> Candidates:
        """Return those that may be among the detections of a video."""
        ...


def candidates_in_windows(
    module: FindsCandidates, snippets: Iterator[SnippetSequence], num_windows: int
) -> Iterator[Candidates]:
    """Yield the candidates of each window, on the CPU, a few windows at a time.

    Args:
        module: Finds them.
        snippets: Snippets of the windows in order, taken when their turn comes.
        num_windows: Number of windows. Those of a single one are not shortlisted.

    Yields:
        Candidates normalized to the window, segments ``(1, A, 2)``.
    """
    for first in range(0, num_windows, _WINDOWS_AT_ONCE):
        packed = pack_snippets(list(islice(snippets, min(_WINDOWS_AT_ONCE, num_windows - first))))
        found = module.candidates(packed.on(module.device))
        if num_windows > 1:
            found = module.shortlist(found)
        yield from (Candidates(*(field[row : row + 1].cpu() for field in found)) for row in range(len(found.scores)))


def cut_windows(video: SnippetSequence, windows: Sequence[Window], duration_sec: float) -> Iterator[SnippetSequence]:
    """Yield the snippets of each window of a video, their places normalized to the window.

    Args:
        video: Snippets of the whole video.
        windows: Where the windows lie.
        duration_sec: Duration of the video in seconds.

    Example:
        >>> video = SnippetSequence(torch.arange(8).unsqueeze(1), 0.0625, 0.125)
        >>> [one.values.flatten().tolist() for one in cut_windows(video, [Window(0.0, 2.0), Window(2.0, 4.0)], 4.0)]
        [[0, 1, 2, 3], [4, 5, 6, 7]]
    """
    first_sec, step_sec = video.first_centre * duration_sec, video.step * duration_sec
    for window in windows:
        placed = place_snippets(len(video.values), first_sec, step_sec, window, duration_sec)
        chosen = slice(placed.chosen.start, placed.chosen.stop)
        yield SnippetSequence(video.values[chosen], placed.first_centre, placed.step)
