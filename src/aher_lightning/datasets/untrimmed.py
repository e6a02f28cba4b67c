"""Dataset of untrimmed videos with their annotated instances."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.data import Dataset

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.datasets.sampling import SampleKey
from aher_lightning.datasets.snippet_source import VideoSource
from aher_lightning.datasets.training_windows import draw_window, instances_in
from aher_lightning.errors import DataError
from aher_lightning.structures import UntrimmedSample


class UntrimmedDataset(Dataset[tuple[int, UntrimmedSample]]):
    """Long videos, their snippets and their ground truth in seconds.

    Args:
        videos: Annotated videos; every label must be one of ``categories``.
        source: Reads the snippets, and the duration of a video that has none in the annotations.
        categories: Category names in the order of their indices.
        window_sec: If given, a sample is a random window of this length of a video that is much longer; see
            :func:`~aher_lightning.datasets.training_windows.draw_window`.

    Raises:
        DataError: If there is no video.
    """

    def __init__(
        self,
        videos: Sequence[AnnotatedVideo],
        source: VideoSource,
        categories: Sequence[str],
        window_sec: float | None = None,
    ) -> None:
        if not videos:
            raise DataError("no untrimmed video is left; check the subset and the category split")
        self.videos = list(videos)
        self.source = source
        self.category_index = {category: index for index, category in enumerate(categories)}
        self.window_sec = window_sec

    def __len__(self) -> int:
        return len(self.videos)

    def video_id(self, index: int) -> str:
        """Return the id of the video at an index."""
        return self.videos[index].video_id

    def __getitem__(self, key: SampleKey) -> tuple[int, UntrimmedSample]:
        video = self.videos[key.place]
        instances = list(video.instances)
        duration_sec = video.duration_sec if video.has_duration else self.source.duration_sec(video.video_id)
        window = draw_window(duration_sec, instances, self.window_sec, key.seed_key)
        if window is not None:
            instances, duration_sec = instances_in(window, instances), window.end_sec - window.start_sec
        boundaries = [(instance.start_sec, instance.end_sec) for instance in instances]
        return key.iteration, UntrimmedSample(
            video_id=video.video_id,
            position=key.place,
            snippets=self.source.read(video.video_id, window),
            duration_sec=duration_sec,
            segments_sec=torch.tensor(boundaries, dtype=torch.float64).reshape(-1, 2),
            labels=torch.tensor([self.category_index[instance.label] for instance in instances], dtype=torch.int64),
        )
