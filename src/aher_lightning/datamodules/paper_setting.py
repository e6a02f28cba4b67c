"""What the data modules of the paper's settings share: a split of categories, annotations read on first use."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Any

from aher_lightning.annotations.activitynet import AnnotatedVideo, list_categories, read_activitynet, restrict
from aher_lightning.annotations.category_lists import read_split
from aher_lightning.annotations.splits import split_path
from aher_lightning.annotations.trimmed_clips import TrimmedClip, foreground_clips
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.video_folder import find_videos
from aher_lightning.errors import AnnotationError, DataError

GUIDE = "docs/paper_settings.md"
"""The document that says how to get the data."""


class PaperSettingDataModule(MixedDataModule):
    """A setting whose categories a split file names; a subclass reads the annotations.

    Args:
        shipped_split: Name of the split in the package.
        split: Split file of one's own in place of it.
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
        self._videos: dict[str, AnnotatedVideo] | None = None

    @abstractmethod
    def read_videos(self) -> dict[str, AnnotatedVideo]:
        """Return all annotated videos by id, of the subsets "training" and "validation"."""

    @property
    def videos(self) -> dict[str, AnnotatedVideo]:
        """All annotated videos, read when first asked for.

        Raises:
            AherError: If the data is missing or cannot be used.
        """
        if self._videos is None:
            self._videos = self.read_videos()
            if self.split is not None:
                self._check_split(self.split, self._videos)
        return self._videos

    @property
    def untrimmed_categories(self) -> list[str]:
        """Categories with temporal annotations."""
        return self._untrimmed_categories

    @property
    def moment_categories(self) -> list[str]:
        """Categories known from moments only."""
        return self._moment_categories

    def setup(self, stage: str) -> None:
        """Read the annotations, so that missing data is told before anything else happens."""
        del stage
        self.videos  # noqa: B018 - reading is what we are after

    def cut_moments(self) -> list[TrimmedClip]:
        """Return the annotated segments of the training videos with moment categories; none crosses a video's end."""
        videos = restrict(self.videos, subset="training", categories=self.moment_categories).values()
        return foreground_clips(video.clipped() for video in videos)

    def known_labels(self, *shipped: list[str]) -> list[str] | None:
        """Return the labels that an annotation file may have; any with a split of one's own."""
        return None if self.split is not None else [name for names in shipped for name in names]

    def _check_split(self, split: Path, videos: dict[str, AnnotatedVideo]) -> None:
        """Refuse an annotated category that no video has: the name is misspelt."""
        unknown = sorted(set(self.untrimmed_categories) - set(list_categories(videos)))
        if unknown:
            raise AnnotationError(f"{split}: no annotated video has the category '{unknown[0]}'; correct its name")


def read_activitynet_folder(root: Path, categories: Collection[str] | None) -> dict[str, AnnotatedVideo]:
    """Return the videos of ActivityNet v1.3 without instances of no length.

    Args:
        root: Folder with ``activity_net.v1-3.json``.
        categories: If given, any other label is an error.

    Returns:
        Video by id.

    Raises:
        DataError: If the folder is missing.
        AnnotationError: If the file is missing or cannot be used.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such data folder; {GUIDE} tells how to get ActivityNet v1.3")
    return read_activitynet(root / "activity_net.v1-3.json", categories=categories, on_invalid="drop")


def find_activitynet_videos(root: Path, video_ids: Collection[str]) -> dict[str, Path]:
    """Return the files ``videos/v_<id>`` of those videos of ActivityNet that are there.

    Args:
        root: Folder with the folder ``videos``.
        video_ids: Names of the videos.

    Returns:
        File by id.

    Raises:
        DataError: If the folder does not exist.
    """
    return find_videos(root / "videos", video_ids, prefix="v_")
