"""Stream the features of a video of any length; memory holds one window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from aher_lightning.models.base import CLIPS_AT_ONCE
from aher_lightning.modules.base import BaseModule
from aher_lightning.ops.spans import place_snippets
from aher_lightning.ops.windows import Window
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.clips import count_clips, frame_times, iter_clips
from aher_lightning.video.frame_source import FrameSource


def stream_features(
    module: BaseModule, frames: FrameSource, path: Path, report: Callable[[int], None] = lambda _: None
) -> Iterator[Tensor]:
    """Yield the features of all clips of a video in order, in groups of :data:`CLIPS_AT_ONCE`.

    Args:
        module: Its backbone makes the features.
        frames: Reads the video, by the contract of the module.
        path: Video file.
        report: Called with the number of clips of each finished group.

    Yields:
        Features, float32 on the CPU, shape ``(n, C)``.

    Raises:
        VideoError: If the video cannot be decoded.
    """
    contract = frames.contract
    times = frame_times(frames.probe(path).duration_sec, contract)
    clips = iter_clips(frames.stream(path, times.tolist()), contract)
    while group := list(islice(clips, CLIPS_AT_ONCE)):
        features = module.snippet_features(torch.stack(group).to(module.device)).cpu()
        report(len(group))
        yield features


def window_snippets(
    features: Iterator[Tensor], windows: Sequence[Window], module: BaseModule
) -> Iterator[SnippetSequence]:
    """Yield the snippets of one window after another, keeping only the features that the next ones need.

    Args:
        features: Features of all clips of a video in order, as :func:`stream_features` yields them.
        windows: The windows in order; the last ends with the video.
        module: Knows how frames become snippets.

    Yields:
        Features ``(N, C)`` of the clips whose centres lie in a window, their places normalized to it.
    """
    contract, duration_sec = module.require_contract(), windows[-1].end_sec
    total = count_clips(duration_sec, contract)
    held, first = [next(features)], 0
    end = len(held[0])
    for window in windows:
        # The only window of a video has all of its clips, also those whose centres lie behind the end of a short one.
        span = None if len(windows) == 1 else (window.start_sec, window.end_sec)
        placed = place_snippets(total, contract.first_centre_sec, contract.step_sec, span, duration_sec)
        while end < placed.chosen.stop:
            held.append(next(features))
            end += len(held[-1])
        kept = torch.cat(held)[placed.chosen.start - first :]
        held, first = [kept], placed.chosen.start
        yield SnippetSequence(kept[: len(placed.chosen)], placed.first_centre, placed.step)
