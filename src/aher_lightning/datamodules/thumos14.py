"""THUMOS14 and ActivityNet v1.3, the paper's second setting: TH14 to ANet-FG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.annotations.thumos14 import read_thumos14
from aher_lightning.datamodules.paper_setting import (
    GUIDE,
    PaperSettingDataModule,
    find_activitynet_videos,
    read_activitynet_folder,
)
from aher_lightning.datasets.video_folder import find_videos
from aher_lightning.errors import DataError


class Thumos14DataModule(PaperSettingDataModule):
    """TH14 to ANet-FG: the 20 categories of THUMOS14 with boundaries, all 200 of ActivityNet with moments only.

    The untrimmed set is the validation subset of THUMOS14, which has no other training videos with boundaries.
    Moments are the annotated segments of all training videos of ActivityNet, cut out. Evaluation runs on all
    validation videos of ActivityNet (section 4.1 of the paper), or, for the untrimmed categories, on the test
    videos of THUMOS14. docs/paper_settings.md lists the categories that both data
    sets have.

    Args:
        root: Folder of THUMOS14 with ``annotations/temporal_annotations_{validation,test}``,
            ``annotations/{validation,test}_durations.txt`` and ``videos/<id>.mp4``; cached features replace the
            videos.
        activitynet_root: Folder with ``activity_net.v1-3.json`` and ``videos/v_<id>.mp4``.
        split: Category split instead of the paper's, as JSON ``{"untrimmed": [names], "moment": [names]}``.
            Other labels are left out.
        **options: See :class:`~aher_lightning.datamodules.mixed.MixedDataModule`.
    """

    def __init__(
        self,
        root: Path,
        activitynet_root: Path,
        split: Path | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__("th14_anet_fg", split, **options)
        self.root = root
        self.activitynet_root = activitynet_root

    def read_videos(self) -> dict[str, AnnotatedVideo]:
        """Return the videos of both data sets, with the subset that they are used as."""
        if not self.root.is_dir():
            raise DataError(f"{self.root}: no such data folder; {GUIDE} explains how to get THUMOS14")
        annotations = self.root / "annotations"
        training = read_thumos14(annotations, "validation", on_invalid="drop")
        validation = read_thumos14(annotations, "test", on_invalid="drop")
        return {
            **{name: video._replace(subset="training") for name, video in training.items()},
            **{name: video._replace(subset="validation") for name, video in validation.items()},
            **read_activitynet_folder(self.activitynet_root, self.known_labels(self._shipped[1])),
        }

    def video_paths(self) -> dict[str, Path]:
        """Return the files of all existing videos."""
        thumos = find_videos(self.root / "videos", self.videos)
        return thumos | find_activitynet_videos(self.activitynet_root, self.videos)

    def file_folders(self) -> list[Path]:
        """Return the folders of both data sets."""
        return [self.root / "videos", self.activitynet_root / "videos"]
