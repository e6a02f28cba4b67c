"""Dataset of trimmed clips with one label each: moments, and foreground segments of untrimmed videos."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.data import Dataset

from aher_lightning.annotations.trimmed_clips import TrimmedClip, require_clips_of
from aher_lightning.datasets.sampling import SampleKey
from aher_lightning.datasets.snippet_source import SnippetSource
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import ConfigError
from aher_lightning.ops.randomness import random_generator
from aher_lightning.structures import MomentSample, SnippetSequence


class MomentDataset(Dataset[tuple[int, MomentSample]]):
    """Trimmed clips and their snippets.

    Args:
        clips: Trimmed clips; every label must be one of ``categories``.
        source: Reads the snippets.
        categories: Category names in the order of their indices.
        max_snippets: If given, a sample is a random run of at most so many neighbouring snippets.
        any_start: Whether the snippets of a sample start at any frame, at random, instead of where features are
            extracted; the source must be video files.

    Raises:
        ConfigError: If snippets of something else are to start at any frame.
        DataError: If there is no clip, or a category has none.
    """

    def __init__(
        self,
        clips: Sequence[TrimmedClip],
        source: SnippetSource,
        categories: Sequence[str],
        *,
        max_snippets: int | None = None,
        any_start: bool = False,
    ) -> None:
        if any_start and not isinstance(source, VideoFolder):
            raise ConfigError("'any_start' needs the frames of videos; remove it, or 'features'")
        require_clips_of(categories, clips)
        self.clips = list(clips)
        self.source = source
        self.category_index = {category: index for index, category in enumerate(categories)}
        self.max_snippets = max_snippets
        self.any_start = any_start

    def __len__(self) -> int:
        return len(self.clips)

    def video_id(self, index: int) -> str:
        """Return the id of the video of the clip at an index."""
        return self.clips[index].video_id

    def __getitem__(self, key: SampleKey) -> tuple[int, MomentSample]:
        clip = self.clips[key.place]
        snippets = self._read(clip, key.seed_key)
        if self.max_snippets is not None:
            snippets = random_run(snippets, self.max_snippets, key.seed_key)
        return key.iteration, MomentSample(clip.video_id, snippets, self.category_index[clip.label])

    def _read(self, clip: TrimmedClip, seed_key: str) -> SnippetSequence:
        """The snippets of a clip, delayed at random by less than the distance of two if any start will do."""
        if not self.any_start or not isinstance(self.source, VideoFolder):
            return self.source.read(clip.video_id, clip.span_sec)
        stride = self.source.contract.snippet_stride
        delay = int(torch.randint(stride, (), generator=random_generator(seed_key, "start")))
        return self.source.read_delayed(clip.video_id, clip.span_sec, delay)


def random_run(snippets: SnippetSequence, count: int, seed_key: str) -> SnippetSequence:
    """Return a run of ``min(N, count)`` of ``N`` snippets, chosen by the key, with places normalized to the run."""
    total = len(snippets.values)
    if total <= count:
        return snippets
    first = int(torch.randint(total - count + 1, (), generator=random_generator(seed_key, "run")))
    return SnippetSequence(snippets.values[first : first + count], first_centre=0.5 / count, step=1.0 / count)
