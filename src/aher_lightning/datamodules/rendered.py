"""The rendered benchmark as data: categories with boundaries, categories with moments only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.annotations import AnnotatedVideo, list_categories, read_activitynet, restrict
from aher_lightning.datasets.categories import read_split
from aher_lightning.datasets.moments import TrimmedClip, find_moments, scan_moment_folder
from aher_lightning.datasets.video_folder import find_videos
from aher_lightning.errors import AnnotationError, DataError


class RenderedDataModule(MixedDataModule):
    """Read a benchmark written by ``aher render``.

    Args:
        root: Folder that ``aher render`` wrote.
        **options: See :class:`~aher_lightning.datamodules.mixed.MixedDataModule`.

    Raises:
        DataError: If there is no benchmark in the folder, or ``annotated_share`` asks for annotated training videos
            of the moment categories that were not rendered.
    """

    def __init__(self, root: Path, **options: Any) -> None:  # noqa: ANN401
        if not (root / "split.json").is_file():
            raise DataError(f"{root}: no rendered benchmark there; write one with 'aher render --output {root}'")
        super().__init__(**options)
        self.root = root
        self._untrimmed_categories, self._moment_categories = read_split(root / "split.json")
        known = [*self._untrimmed_categories, *self._moment_categories]
        self._videos = read_activitynet(root / "annotations.json", categories=known)
        if self.annotated_share is not None:
            self._require_annotated_videos()

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

    def _require_annotated_videos(self) -> None:
        """Refuse full supervision where some moment category has no training video."""
        try:
            videos = restrict(self._videos, subset="training", categories=self._moment_categories)
        except AnnotationError:
            videos = {}
        missing = [name for name in self._moment_categories if name not in list_categories(videos)]
        if missing:
            raise DataError(
                f"{self.root}: no annotated training video of {len(missing)} moment categories ('{missing[0]}' first), "
                f"which 'annotated_share' needs; render with --moment-training-videos {len(self._moment_categories)} "
                "or more"
            )
