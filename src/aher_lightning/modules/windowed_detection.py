"""Detection in videos that are much longer than those of training: window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from aher_lightning.ops.spans import place_snippets
from aher_lightning.ops.windows import Window, length_in_windows, merge_windows, split_windows
from aher_lightning.structures import Candidates, Detections, SnippetSequence, SnippetSequences

_WINDOWS_AT_ONCE = 8
"""Windows that run through the network at once."""


class Detector(Protocol):
    """What finds actions, a module."""

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

    def select(self, candidates: Candidates, durations_sec: Tensor, num_windows: int = 1) -> list[Detections]:
        """Return the detections of videos."""
        ...


def any_longer(durations_sec: Tensor, window_sec: float | None) -> bool:
    """Return whether any video is much longer than a window, given durations in seconds ``(B,)``."""
    return any(len(split_windows(duration_sec, window_sec)) > 1 for duration_sec in durations_sec.tolist())


def detect_in_windows(
    module: Detector, video: SnippetSequence, duration_sec: Tensor, window_sec: float | None
) -> Detections:
    """Localize actions in one video, window by window.

    Args:
        module: Finds them.
        video: Features of the whole video.
        duration_sec: Its duration in seconds, a scalar.
        window_sec: Length of a window in seconds; ``None`` for the whole video.

    Returns:
        Detections in seconds, best first, on the device of the module.
    """
    whole_sec = float(duration_sec)
    windows = split_windows(whole_sec, window_sec)
    parts = iter([video]) if len(windows) == 1 else cut_windows(video, windows, whole_sec)
    found = list(candidates_in_windows(module, parts, len(windows)))
    merged = merge_windows(windows, found, whole_sec)
    (detections,) = module.select(merged, duration_sec.view(1).cpu(), length_in_windows(whole_sec, window_sec))
    return Detections(*(field.to(module.device) for field in detections))


def candidates_in_windows(
    module: Detector, snippets: Iterator[SnippetSequence], num_windows: int
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
        packed = SnippetSequences.pack(list(islice(snippets, min(_WINDOWS_AT_ONCE, num_windows - first))))
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
