"""ActivityNet v1.3 and Kinetics-600, the paper's third setting: ANet to K600."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aher_lightning.annotations.activitynet import AnnotatedVideo
from aher_lightning.annotations.category_lists import plain_name
from aher_lightning.annotations.kinetics import (
    find_kinetics_clips,
    read_kinetics,
    read_kinetics_segments,
    youtube_id,
)
from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datamodules.paper_setting import (
    GUIDE,
    PaperSettingDataModule,
    find_activitynet_videos,
    read_activitynet_folder,
)
from aher_lightning.datasets.snippet_source import VideoSource
from aher_lightning.datasets.video_folder import VideoFolder, find_videos
from aher_lightning.errors import ConfigError, DataError, VideoError

_LOG = logging.getLogger(__name__)

TRAINING_LIST = "kinetics-600_train.csv"
"""The list of training clips; needed if there are features but no clip files."""

SEGMENTS = "aher_k600_val_annotation.txt"
"""The temporal annotations released with AherNet."""


class Kinetics600DataModule(PaperSettingDataModule):
    """ANet to K600: the 200 categories of ActivityNet with boundaries, the 600 of Kinetics with moments only.

    The untrimmed set is the training subset of ActivityNet. Moments are the training clips of Kinetics-600 that
    are there, except those cut from a video that is evaluated. Evaluation runs on the untrimmed videos that were
    annotated for AherNet (section 4.1 of the paper), as far as they are there, or, for the untrimmed categories, on
    the validation videos of ActivityNet. Both data sets come from YouTube and share videos: one that is annotated
    in Kinetics and a training video of ActivityNet serves for evaluation only.

    Args:
        root: Folder of Kinetics with ``train/<category>/<youtube_id>_<start>_<end>.mp4``, ``videos/<youtube_id>.mp4``
            and ``aher_k600_val_annotation.txt``; with cached features ``kinetics-600_train.csv`` serves in place of
            the clip files.
        activitynet_root: Folder with ``activity_net.v1-3.json`` and ``videos/v_<id>.mp4``.
        annotations: File of the temporal annotations, if it is not in ``root``.
        split: Category split in place of the paper's, as JSON ``{"untrimmed": [names], "moment": [names]}``.
            Labels that it does not name are left out.
        **options: See :class:`~aher_lightning.datamodules.mixed.MixedDataModule`.

    Raises:
        ConfigError: If ``label_fraction`` is given: no training video of Kinetics has temporal annotations.
    """

    def __init__(
        self,
        root: Path,
        activitynet_root: Path,
        annotations: Path | None = None,
        split: Path | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__("anet_k600", split, **options)
        if self.label_fraction is not None:
            raise ConfigError(
                "Kinetics-600 has no annotated training videos, so it cannot be trained with full supervision; "
                "leave out 'label_fraction'"
            )
        self.root = root
        self.activitynet_root = activitynet_root
        self.annotations = annotations or root / SEGMENTS
        self._absent: set[str] = set()

    def read_videos(self) -> dict[str, AnnotatedVideo]:
        """Return the videos of ActivityNet, and those annotated videos of Kinetics that are there."""
        if not self.root.is_dir():
            raise DataError(f"{self.root}: no such data folder; {GUIDE} tells how to get Kinetics-600")
        activitynet = read_activitynet_folder(self.activitynet_root, self.known_labels(self._shipped[0]))
        # The class indices of the file are those of the shipped split, whatever a split of one's own names.
        kinetics = read_kinetics_segments(self.annotations, self._shipped[1], self._durations(), on_invalid="drop")
        videos = {**activitynet, **kinetics}
        for video_id in activitynet.keys() & kinetics.keys():
            if activitynet[video_id].subset == "validation":
                instances = activitynet[video_id].instances + kinetics[video_id].instances
                videos[video_id] = kinetics[video_id]._replace(instances=instances)
        return videos

    def evaluation_videos(self) -> list[AnnotatedVideo]:
        """Return the videos that are evaluated.

        Raises:
            DataError: If those of Kinetics are asked for and none is there.
        """
        moments = set(self.moment_categories)
        annotated = (instance.label in moments for video in self.videos.values() for instance in video.instances)
        if self.evaluated != "untrimmed" and not any(annotated):
            raise DataError(
                f"none of the videos in {self.annotations} has features or a file in {self.root / 'videos'}; "
                f"{GUIDE} tells how to get them, or set 'evaluated' to \"untrimmed\""
            )
        return super().evaluation_videos()

    @property
    def num_evaluation_videos(self) -> int:
        """Number of videos named for evaluation, also those of Kinetics that are not there."""
        found = {video.video_id for video in self.evaluation_videos()}
        return len(found if self.evaluated == "untrimmed" else found | self._absent)

    def moment_clips(self) -> list[TrimmedClip]:
        """Return the training clips of Kinetics that are there.

        Raises:
            AnnotationError: If the list of clips cannot be used.
            DataError: If there is neither a list nor a folder of clips.
        """
        listing, folder = self.root / TRAINING_LIST, self.root / "train"
        if not listing.is_file() and not folder.is_dir():
            raise DataError(f"{self.root}: has neither {TRAINING_LIST} nor the folder 'train'; {GUIDE} tells more")
        clips: dict[TrimmedClip, None] = {}
        if listing.is_file():
            names = {plain_name(category): category for category in self.moment_categories}
            listed = [(names.get(plain_name(clip.label)), clip) for clip in read_kinetics(listing)]
            clips.update((clip._replace(label=label), None) for label, clip in listed if label is not None)
        files = self._clip_files()
        clips.update(dict.fromkeys(files))
        there = {clip.video_id for clip in files} if self.features is None else set(self.features.video_ids)
        evaluated = {name for name, video in self.videos.items() if video.subset == "validation"}
        kept = [clip for clip in clips if clip.video_id in there and youtube_id(clip.video_id) not in evaluated]
        if len(kept) < len(clips):
            message = "%s: left out %d of %d training clips: not there, or cut from a video that is evaluated"
            _LOG.warning(message, self.root, len(clips) - len(kept), len(clips))
        return kept

    def video_paths(self) -> dict[str, Path]:
        """Return the files of all videos and clips that are there."""
        clips = {clip.video_id: path for clip, path in self._clip_files().items()}
        return find_activitynet_videos(self.activitynet_root, self.videos) | self._untrimmed_files() | clips

    def file_folders(self) -> list[Path]:
        """Return the folders of both data sets."""
        return [self.activitynet_root / "videos", self.root / "videos", self.root / "train"]

    def _clip_files(self) -> dict[TrimmedClip, Path]:
        """The training clips with a file; none if there is no folder, as with cached features."""
        folder = self.root / "train"
        return find_kinetics_clips(folder, self.moment_categories) if folder.is_dir() else {}

    def _untrimmed_files(self) -> dict[str, Path]:
        """The untrimmed videos of Kinetics with a file."""
        folder = self.root / "videos"
        names = [path.stem for path in folder.iterdir()] if folder.is_dir() else []
        return find_videos(folder, names) if names else {}

    def _durations(self) -> Callable[[str], float | None]:
        """What tells the duration of a video from its features or its file, and remembers which have neither."""
        files = self._untrimmed_files()
        source: VideoSource = self.features or VideoFolder(
            files, self.contract, reader=self.reader, time_limit_sec=self.time_limit_sec
        )
        there = set(source.video_ids)

        def duration_sec(video_id: str) -> float | None:
            try:
                if video_id in there:
                    return source.duration_sec(video_id)
            except VideoError as failure:
                _LOG.warning("left out an annotated video: %s", failure)
            self._absent.add(video_id)
            return None

        return duration_sec
