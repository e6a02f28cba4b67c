"""ActivityNet v1.3, the paper's first setting: ANet-UN to ANet-AM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.datamodules.paper_setting import (
    PaperSettingDataModule,
    find_activitynet_videos,
    read_activitynet_folder,
)


class ActivityNetDataModule(PaperSettingDataModule):
    """ANet-UN to ANet-AM: 87 sports categories with boundaries, the other 113 with moments only.

    The untrimmed set is ANet-UN of the training subset; moments are the annotated segments of the
    training videos of ANet-AM, cut out, so that their boundaries are never seen. Evaluation runs on the
    validation videos of ANet-AM (section 4.2 of the paper). Training and its metrics drop empty instances;
    use ``aher evaluate`` for figures to publish.

    Args:
        root: Folder with ``activity_net.v1-3.json`` and ``videos/v_<id>.mp4``; cached features replace the videos.
        split: Category split instead of the paper's, as JSON ``{"untrimmed": [names], "moment": [names]}``.
            Other labels are left out.
        **options: See :class:`~aher_lightning.datamodules.mixed.MixedDataModule`.
    """

    def __init__(self, root: Path, split: Path | None = None, **options: Any) -> None:  # noqa: ANN401
        super().__init__("anet_un_am", split, **options)
        self.root = root

    def read_videos(self) -> dict[str, AnnotatedVideo]:
        """Return all videos of ActivityNet."""
        return read_activitynet_folder(self.root, self.known_labels(*self._shipped))

    def video_paths(self) -> dict[str, Path]:
        """Return the files of all existing videos."""
        return find_activitynet_videos(self.root, self.videos)

    def file_folders(self) -> list[Path]:
        """Return the folder of the videos."""
        return [self.root / "videos"]
