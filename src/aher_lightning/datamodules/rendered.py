"""The rendered benchmark as data: categories with boundaries, categories with moments only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.annotations import AnnotatedVideo, read_activitynet
from aher_lightning.datasets.categories import read_categories
from aher_lightning.datasets.moments import TrimmedClip, find_moments, scan_moment_folder
from aher_lightning.datasets.video_folder import find_videos
from aher_lightning.errors import DataError


class RenderedDataModule(MixedDataModule):
    """Read a benchmark written by ``aher render``.

    Args:
        root: Folder that ``aher render`` wrote.
        **options: See :class:`~aher_lightning.datamodules.mixed.MixedDataModule`.

    Raises:
        DataError: If there is no benchmark in the folder.
    """

    def __init__(self, root: Path, **options: Any) -> None:  # noqa: ANN401
        if not (root / "split.json").is_file():
            raise DataError(f"{root}: no rendered benchmark there; write one with 'aher render --output {root}'")
        super().__init__(**options)
        self.root = root
        self._untrimmed_categories = read_categories(root / "split.json", "untrimmed")
        self._moment_categories = read_categories(root / "split.json", "moment")
        known = [*self._untrimmed_categories, *self._moment_categories]
        self._videos = read_activitynet(root / "annotations.json", categories=known)

    @property
    def untrimmed_categories(self) -> list[str]:
        """Categories with temporal annotations."""
        return self._untrimmed_categories

    @property
    def moment_categories(self) -> list[str]:
        """Categories known from moments only."""
        return self._moment_categories

    @property
    def videos(self) -> dict[str, AnnotatedVideo]:
        """All annotated videos."""
        return self._videos

    def moment_clips(self) -> list[TrimmedClip]:
        """Return the clips below ``moments/``."""
        return scan_moment_folder(self.root / "moments", self._moment_categories)

    def video_paths(self) -> dict[str, Path]:
        """Return the files of all videos and moments."""
        moments = find_moments(self.root / "moments", self._moment_categories)
        return find_videos(self.root / "videos", self._videos) | moments
