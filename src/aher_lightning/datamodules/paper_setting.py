"""Base of the data modules of the paper's settings: a split of categories, annotations read on first use."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.category_lists import read_split
from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.annotations.splits import split_path
from aher_lightning.annotations.trimmed_clips import TrimmedClip, foreground_clips
from aher_lightning.annotations.video_selection import list_categories, restrict
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.video_folder import find_videos
from aher_lightning.errors import AnnotationError, DataError

GUIDE = "docs/paper_settings.md"
"""The document that explains how to get the data."""


class PaperSettingDataModule(MixedDataModule):
    """A setting whose categories a split file names; a subclass reads the annotations.

    Args:
        shipped_split: Name of the split in the package.
        split: Custom split file instead of it.
        **options: See :class:`~aher_lightning.datamodules.mixed.MixedDataModule`.

    Raises:
        AnnotationError: If the split cannot be read.
        ConfigError: If a category is in both sets of the split.
    """

    def __init__(self, shipped_split: str, split: Path | None, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self.split = split
        self._shipped = read_split(split_path(shipped_split))
        self._untrimmed_categories, self._moment_categories = read_split(split) if split else self._shipped

    @abstractmethod
    def read_videos(self) -> dict[str, AnnotatedVideo]:
        """Return all annotated videos by id, of the subsets "training" and "validation"."""

    @cached_property
    def videos(self) -> dict[str, AnnotatedVideo]:
        """All annotated videos, read on first use.

        Raises:
            AherError: If the data is missing or invalid.
        """
        videos = self.read_videos()
        unknown = sorted(set(self.untrimmed_categories) - set(list_categories(videos)))
        if self.split is not None and unknown:
            raise AnnotationError(f"{self.split}: no annotated video has the category '{unknown[0]}'; correct its name")
        return videos

    @property
    def untrimmed_categories(self) -> list[str]:
        """Categories with temporal annotations."""
        return self._untrimmed_categories

    @property
    def moment_categories(self) -> list[str]:
        """Categories known from moments only."""
        return self._moment_categories

    def setup(self, stage: str) -> None:
        """Read the annotations, so that missing data is reported before anything else happens."""
        del stage
        self.videos  # noqa: B018 - reading is what we are after

    def moment_clips(self) -> list[TrimmedClip]:
        """Return the segments of the moment categories in the training videos, clipped to their videos."""
        videos = restrict(self.videos, subset="training", categories=self.moment_categories).values()
        return foreground_clips(video.clipped() for video in videos)

    def known_labels(self, *shipped: list[str]) -> list[str] | None:
        """Return the labels that an annotation file may have; any with a custom split."""
        return None if self.split is not None else [name for names in shipped for name in names]


def read_activitynet_folder(root: Path, categories: Collection[str] | None) -> dict[str, AnnotatedVideo]:
    """Return the videos of ``activity_net.v1-3.json`` in a folder by id, without empty instances.

    Args:
        root: The folder.
        categories: If given, any other label is an error.

    Raises:
        DataError: If the folder is missing.
        AnnotationError: If the file is missing or invalid.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such data folder; {GUIDE} explains how to get ActivityNet v1.3")
    return read_activitynet(root / "activity_net.v1-3.json", categories=categories, on_invalid="drop")


def find_activitynet_videos(root: Path, video_ids: Collection[str]) -> dict[str, Path]:
    """Return the existing files ``videos/v_<id>`` of ActivityNet by id; raise a ``DataError`` without that folder."""
    return find_videos(root / "videos", video_ids, prefix="v_")
