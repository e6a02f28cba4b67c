"""The rendered benchmark: categories with boundaries, categories with moments only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.annotations.video_selection import list_categories, restrict
from aher_lightning.datamodules.folder import FolderDataModule
from aher_lightning.errors import AnnotationError, DataError


class RenderedDataModule(FolderDataModule):
    """Read a benchmark written by ``aher render``.

    Args:
        root: Folder that ``aher render`` wrote, with ``videos``, ``annotations.json``, ``moments/<category>`` and
            ``split.json``. A label outside the split is an error.
        **options: See :class:`~aher_lightning.datamodules.folder.FolderDataModule`.

    Raises:
        DataError: If there is no benchmark in the folder, or ``label_fraction`` asks for annotated training videos
            of the moment categories that were not rendered.
    """

    def __init__(self, root: Path, **options: Any) -> None:  # noqa: ANN401
        if not (root / "split.json").is_file():
            raise DataError(f"{root}: no rendered benchmark; write one with 'aher render --output {root}'")
        super().__init__(
            videos=root / "videos",
            annotations=root / "annotations.json",
            moments=root / "moments",
            split=root / "split.json",
            **options,
        )
        self.root = root
        self.videos  # noqa: B018 - reading reports invalid annotations early
        if self.label_fraction is not None:
            self._require_annotated_videos()

    def read_videos(self, path: Path) -> dict[str, AnnotatedVideo]:
        """Return all annotated videos; see :meth:`FolderDataModule.read_videos`."""
        return read_activitynet(path, categories=[*self.untrimmed_categories, *self.moment_categories])

    def _require_annotated_videos(self) -> None:
        """Refuse full supervision where some moment category has no training video."""
        try:
            videos = restrict(self.videos, subset="training", categories=self.moment_categories)
        except AnnotationError:
            videos = {}
        missing = [name for name in self.moment_categories if name not in list_categories(videos)]
        if missing:
            raise DataError(
                f"{self.root}: no annotated training video of {len(missing)} moment categories ('{missing[0]}' first), "
                f"which 'label_fraction' needs; render with --moment-training-videos {len(self.moment_categories)} "
                "or more"
            )
