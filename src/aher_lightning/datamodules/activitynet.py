"""ActivityNet v1.3, the paper's first setting: ANet-UN to ANet-AM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.annotations import AnnotatedVideo, read_activitynet, restrict
from aher_lightning.datasets.categories import read_categories
from aher_lightning.datasets.foreground import foreground_clips
from aher_lightning.datasets.moments import TrimmedClip
from aher_lightning.datasets.splits import split_path
from aher_lightning.datasets.video_folder import find_videos
from aher_lightning.errors import DataError

GUIDE = "docs/paper_settings.md"
"""The document that says how to get the data."""


class ActivityNetDataModule(MixedDataModule):
    """ANet-UN to ANet-AM: 87 sports categories with boundaries, the other 113 with moments only.

    The untrimmed set is ANet-UN of the training subset; moments are the annotated segments of the
    training videos of ANet-AM, cut out, so that their boundaries are never seen. Evaluation runs on the
    validation videos of ANet-AM (section 4.2 of the paper). Instances of no length are left out of
    training and of the metrics during training; use ``aher evaluate`` for figures to publish.

    Args:
        root: Folder with ``activity_net.v1-3.json`` and ``videos/v_<id>.mp4``; the videos are not needed
            with cached features.
        **options: See :class:`~aher_lightning.datamodules.mixed.MixedDataModule`.
    """

    def __init__(self, root: Path, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self.root = root
        self._untrimmed_categories = read_categories(split_path("anet_un_am"), "untrimmed")
        self._moment_categories = read_categories(split_path("anet_un_am"), "moment")
        self._videos: dict[str, AnnotatedVideo] | None = None

    @property
    def videos(self) -> dict[str, AnnotatedVideo]:
        """All annotated videos, read when first asked for.

        Raises:
            DataError: If the data folder is missing.
        """
        if self._videos is None:
            if not self.root.is_dir():
                raise DataError(f"{self.root}: no such data folder; {GUIDE} tells how to get ActivityNet v1.3")
            known = [*self._untrimmed_categories, *self._moment_categories]
            path = self.root / "activity_net.v1-3.json"
            self._videos = read_activitynet(path, categories=known, on_invalid="drop")
        return self._videos

    @property
    def untrimmed_categories(self) -> list[str]:
        """The 87 categories of ANet-UN."""
        return self._untrimmed_categories

    @property
    def moment_categories(self) -> list[str]:
        """The 113 categories of ANet-AM."""
        return self._moment_categories

    def setup(self, stage: str) -> None:
        """Read the annotations, so that missing data is told before anything else happens."""
        del stage
        self.videos  # noqa: B018 - reading is what we are after

    def moment_clips(self) -> list[TrimmedClip]:
        """Return the annotated segments of the training videos of ANet-AM."""
        videos = restrict(self.videos, subset="training", categories=self._moment_categories).values()
        return foreground_clips(video.clipped() for video in videos)

    def video_paths(self) -> dict[str, Path]:
        """Return the files of all videos that are there."""
        return find_videos(self.root / "videos", self.videos, prefix="v_")
