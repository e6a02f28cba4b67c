"""ActivityNet v1.3 and Kinetics-600, the paper's third setting: ANet to K600."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aher_lightning.annotations.category_lists import plain_name
from aher_lightning.annotations.kinetics import (
    find_kinetics_clips,
    read_kinetics,
    read_kinetics_segments,
    youtube_id,
)
from aher_lightning.annotations.records import AnnotatedVideo
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

_TRAINING_LIST = "kinetics-600_train.csv"
"""List of training clips; required for features without clip files."""

SEGMENTS = "aher_k600_val_annotation.txt"
"""Temporal annotations released with AherNet."""


class Kinetics600DataModule(PaperSettingDataModule):
    """ANet to K600: the 200 categories of ActivityNet with boundaries, the 600 of Kinetics with moments only.

    The untrimmed set is the training subset of ActivityNet. Moments are the existing training clips of Kinetics-600,
    except those cut from an evaluated video. Evaluation runs on the existing untrimmed videos that were annotated for
    AherNet (section 4.1 of the paper), or, for the untrimmed categories, on the validation videos of ActivityNet. Both
    data sets come from YouTube and share videos: a training video of ActivityNet that is annotated in Kinetics is
    used for evaluation only.

    Args:
        root: Folder of Kinetics with ``train/<category>/<youtube_id>_<start>_<end>.mp4``, ``videos/<youtube_id>.mp4``
            and ``aher_k600_val_annotation.txt``; with cached features ``kinetics-600_train.csv`` replaces the clip
            files.
        activitynet_root: Folder with ``activity_net.v1-3.json`` and ``videos/v_<id>.mp4``.
        annotations: File of the temporal annotations, if it is not in ``root``.
        split: Category split instead of the paper's, as JSON ``{"untrimmed": [names], "moment": [names]}``.
            Other labels are left out.
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
                "Kinetics-600 has no annotated training videos, so full supervision is impossible; "
                "remove 'label_fraction'"
            )
        self.root = root
        self.activitynet_root = activitynet_root
        self.annotations = annotations or root / SEGMENTS
        self._absent: set[str] = set()

    def read_videos(self) -> dict[str, AnnotatedVideo]:
        """Return the videos of ActivityNet, and the existing annotated videos of Kinetics."""
        if not self.root.is_dir():
            raise DataError(f"{self.root}: no such data folder; {GUIDE} explains how to get Kinetics-600")
        activitynet = read_activitynet_folder(self.activitynet_root, self.known_labels(self._shipped[0]))
        # The category indices of the file are those of the shipped split, also with a custom split.
        kinetics = read_kinetics_segments(self.annotations, self._shipped[1], self._durations(), on_invalid="drop")
        videos = {**activitynet, **kinetics}
        for video_id in activitynet.keys() & kinetics.keys():
            if activitynet[video_id].subset == "validation":
                instances = activitynet[video_id].instances + kinetics[video_id].instances
                videos[video_id] = kinetics[video_id]._replace(instances=instances)
        return videos

    def evaluation_videos(self) -> list[AnnotatedVideo]:
        """Return the evaluated videos; a ``DataError`` if those of Kinetics are evaluated and none exists."""
        moments = set(self.moment_categories)
        annotated = (instance.label in moments for video in self.videos.values() for instance in video.instances)
        if self.evaluated != "untrimmed" and not any(annotated):
            raise DataError(
                f"none of the videos in {self.annotations} has features or a file in {self.root / 'videos'}; "
                f"{GUIDE} explains how to get them, or set 'evaluated' to \"untrimmed\""
            )
        return super().evaluation_videos()

    @property
    def num_evaluation_videos(self) -> int:
        """Number of videos annotated for evaluation, also missing ones of Kinetics."""
        found = {video.video_id for video in self.evaluation_videos()}
        return len(found if self.evaluated == "untrimmed" else found | self._absent)

    def moment_clips(self) -> list[TrimmedClip]:
        """Return the existing training clips of Kinetics.

        Raises:
            AnnotationError: If the list of clips is invalid.
            DataError: If there is neither a list nor a folder of clips.
        """
        listing, folder = self.root / _TRAINING_LIST, self.root / "train"
        if not listing.is_file() and not folder.is_dir():
            raise DataError(f"{self.root}: has neither {_TRAINING_LIST} nor the folder 'train'; see {GUIDE}")
        clips: dict[TrimmedClip, None] = {}
        if listing.is_file():
            names = {plain_name(category): category for category in self.moment_categories}
            listed = [(names.get(plain_name(clip.label)), clip) for clip in read_kinetics(listing)]
            clips.update((clip._replace(label=label), None) for label, clip in listed if label is not None)
        files = self._clip_files()
        clips.update(dict.fromkeys(files))
        existing = {clip.video_id for clip in files} if self.features is None else set(self.features.video_ids)
        evaluated = {name for name, video in self.videos.items() if video.subset == "validation"}
        kept = [clip for clip in clips if clip.video_id in existing and youtube_id(clip.video_id) not in evaluated]
        if len(kept) < len(clips):
            message = "%s: left out %d of %d training clips: missing, or cut from an evaluated video"
            _LOG.warning(message, self.root, len(clips) - len(kept), len(clips))
        return kept

    def video_paths(self) -> dict[str, Path]:
        """Return the files of all existing videos and clips."""
        clips = {clip.video_id: path for clip, path in self._clip_files().items()}
        return find_activitynet_videos(self.activitynet_root, self.videos) | self._untrimmed_files() | clips

    def file_folders(self) -> list[Path]:
        """Return the folders of both data sets."""
        return [self.activitynet_root / "videos", self.root / "videos", self.root / "train"]

    def _clip_files(self) -> dict[TrimmedClip, Path]:
        """File of each training clip; none without a folder, as with cached features."""
        folder = self.root / "train"
        return find_kinetics_clips(folder, self.moment_categories) if folder.is_dir() else {}

    def _untrimmed_files(self) -> dict[str, Path]:
        """Files of the untrimmed videos of Kinetics."""
        folder = self.root / "videos"
        names = [path.stem for path in folder.iterdir()] if folder.is_dir() else []
        return find_videos(folder, names) if names else {}

    def _durations(self) -> Callable[[str], float | None]:
        """Function that returns the duration of a video from its features or file, and records videos without both."""
        files = self._untrimmed_files()
        source: VideoSource = self.features or VideoFolder(
            files, self.contract, reader=self.reader, time_limit_sec=self.time_limit_sec
        )
        existing = set(source.video_ids)

        def duration_sec(video_id: str) -> float | None:
            try:
                if video_id in existing:
                    return source.duration_sec(video_id)
            except VideoError as failure:
                _LOG.warning("left out an annotated video: %s", failure)
            self._absent.add(video_id)
            return None

        return duration_sec
