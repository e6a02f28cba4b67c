"""Custom data from folders and files, without programming."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from aher_lightning.annotations.category_lists import read_split
from aher_lightning.annotations.layouts import annotation_layout, read_annotations
from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.annotations.trimmed_clips import TrimmedClip, name_moments
from aher_lightning.annotations.video_selection import list_categories
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.background_videos import find_background, mix_background
from aher_lightning.datasets.moment_layouts import CategoryFolders, CutMoments, MomentLayout, NamedFiles, NamePattern
from aher_lightning.datasets.video_folder import find_videos
from aher_lightning.errors import AnnotationError, ConfigError, DataError, name_some
from aher_lightning.files.video_files import list_videos


class FolderDataModule(MixedDataModule):
    """Untrimmed videos with annotations in one folder, moments in another.

    Moments are clips in one folder per category; or clips in one folder whose file names tell the category
    (``moment_names``); or annotated instances that are cut out of their videos (``moment_annotations``).

    Without ``split`` and lists of categories, the untrimmed categories are those of the annotated training videos, and
    the moment categories all others with moments.

    Args:
        videos: Folder with the untrimmed videos, ``<video id>.mp4`` or another extension.
        annotations: Their temporal annotations: a file in ActivityNet layout, a table, or the annotation folder of
            THUMOS14 (then list its categories, without "Ambiguous"); see
            :func:`~aher_lightning.annotations.layouts.read_annotations`. Missing durations are read from the videos.
        moments: Folder of the moments; with ``moment_annotations``, folder of their videos, by default ``videos``.
        moment_names: Pattern of the file names of moments without extension, such as ``"v_{category}_g*_c*"``; see
            :class:`~aher_lightning.datasets.moment_layouts.NamePattern`. Other files are left out and counted.
        moment_annotations: Temporal annotations whose instances are the moments; those of the training subset, if
            the file has subsets.
        split: Category sets as JSON ``{"untrimmed": [names], "moment": [names]}``. Instances and moments of other
            categories are left out.
        untrimmed_categories: Categories with temporal annotations, instead of ``split``.
        moment_categories: Categories known from moments only, instead of ``split``.
        background: Folder of background videos, which show no action and are used as untrimmed training videos, like
            annotated training videos with an empty list of instances.
        background_names: Pattern of the file names of background videos without extension, such as ``"scene[1-4]_*"``.
        background_fraction: Fraction of background among the untrimmed samples; videos of either kind are repeated to
            reach it.
        training_subset: Name of the training subset in the annotations.
        validation_subset: Name of the evaluated subset; all others are left out.
        **options: See :class:`~aher_lightning.datamodules.mixed.MixedDataModule`.

    Raises:
        AnnotationError: If the split cannot be read.
        ConfigError: If options are incompatible.
    """

    def __init__(  # noqa: PLR0913 - one option each, all by name
        self,
        videos: Path,
        annotations: Path,
        moments: Path | None = None,
        *,
        moment_names: str | None = None,
        moment_annotations: Path | None = None,
        split: Path | None = None,
        untrimmed_categories: Sequence[str] | None = None,
        moment_categories: Sequence[str] | None = None,
        background: Path | None = None,
        background_names: str = "*",
        background_fraction: float = 0.25,
        training_subset: str = "training",
        validation_subset: str = "validation",
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**options)
        if split is not None and (untrimmed_categories is not None or moment_categories is not None):
            raise ConfigError("'split' and lists of categories exclude each other; remove one of them")
        if not 0 < background_fraction < 1:
            raise ConfigError(
                f"'background_fraction' is {background_fraction}, but must be above 0 and below 1; correct it"
            )
        if training_subset == validation_subset:
            raise ConfigError(f"training and validation subset are both {training_subset!r}; set different ones")
        self.folder = videos
        self.annotations = annotations
        self.moments = moments
        self.moment_names = None if moment_names is None else NamePattern(moment_names)
        self.moment_annotations = moment_annotations
        self.background = background
        self.background_names = background_names
        self.background_fraction = background_fraction
        self.subsets = {training_subset: "training", validation_subset: "validation"}
        self._named = read_split(split) if split is not None else (untrimmed_categories, moment_categories)
        self._check_moment_options()

    @cached_property
    def videos(self) -> dict[str, AnnotatedVideo]:
        """All annotated videos, read on first use."""
        return self.read_videos(self.annotations)

    def read_videos(self, path: Path) -> dict[str, AnnotatedVideo]:
        """Return the annotated videos of both subsets, which are renamed to "training" and "validation", by id."""
        # A folder is read by subset, a file whole; the videos of a table without subsets are for training.
        wanted = list(self.subsets) if annotation_layout(path) == "thumos14" else list(self.subsets)[:1]
        found = [read_annotations(path, subset=subset, on_missing_duration="last_end") for subset in wanted]
        everything = [video for videos in found for video in videos.values()]
        return {
            video.video_id: video._replace(subset=self.subsets[video.subset])
            for video in everything
            if video.subset in self.subsets
        }

    @property
    def untrimmed_categories(self) -> list[str]:
        """Categories with temporal annotations."""
        untrimmed, moment = self._named
        if untrimmed is not None:
            return list(untrimmed)
        return [name for name in list_categories(_training(self.videos)) if name not in (moment or ())]

    @property
    def moment_categories(self) -> list[str]:
        """Categories known from moments only."""
        moment = self._named[1]
        if moment is not None:
            return list(moment)
        untrimmed = set(self.untrimmed_categories)
        names = [name for name in self.moment_layout.categories if name not in untrimmed]
        if not names:
            raise ConfigError(
                f"all categories of moments are among the untrimmed ones of {self.annotations} "
                f"({name_some(self.moment_layout.categories)}); list in 'untrimmed_categories' those to learn from "
                "annotations"
            )
        return names

    @cached_property
    def moment_layout(self) -> MomentLayout:
        """Layout of the moments; a ``ConfigError`` if no option gives their place."""
        if self.moment_annotations is not None:
            is_same = self.moment_annotations == self.annotations
            videos = self.videos if is_same else self.read_videos(self.moment_annotations)
            return CutMoments(self.moments or self.folder, _training(videos))
        if self.moments is None:
            raise ConfigError("the place of the moments is missing; set 'moments' or 'moment_annotations'")
        return (
            CategoryFolders(self.moments) if self.moment_names is None else NamedFiles(self.moments, self.moment_names)
        )

    def moment_clips(self) -> list[TrimmedClip]:
        """Return the moments of the moment categories.

        Raises:
            AnnotationError: If a moment is cut from a video that is evaluated.
        """
        clips = self.moment_layout.clips(self.moment_categories)
        cut = {clip.video_id for clip in clips if clip.span_sec is not None}
        evaluated = [name for name, video in self.videos.items() if video.subset == "validation" and name in cut]
        if evaluated:
            raise AnnotationError(
                f"{self.moment_annotations}: moments cannot be cut from video '{evaluated[0]}', which is evaluated; "
                "remove its moments, or remove it from the validation subset"
            )
        return clips

    def moment_sources(self) -> Iterable[AnnotatedVideo]:
        """Return the annotated videos that moments are cut from, if any."""
        layout = self.moment_layout
        return layout.videos.values() if isinstance(layout, CutMoments) else ()

    def video_paths(self) -> dict[str, Path]:
        """Return the files of all existing videos and moments.

        Raises:
            DataError: If a folder does not exist, or files of two folders have the same name.
        """
        paths = _merge(find_videos(self.folder, self.videos), self._background_paths())
        return _merge(paths, self.moment_layout.paths(self.moment_categories)) if self._has_place else paths

    @property
    def has_moments(self) -> bool:
        """Whether training reads moments, and an option gives their place."""
        return super().has_moments and self._has_place

    def found_categories(self) -> list[str]:
        """Return all categories that have moments, also those that are not learnt."""
        return self.moment_layout.categories

    def unmatched_files(self) -> dict[str, list[Path]]:
        """Return the video files of moments without a category, and those that do not match ``background_names``."""
        unmatched = dict(self.moment_layout.unmatched) if self._has_place else {}
        if self.background is not None:
            others = [path for path in list_videos(self.background) if not self._is_background(path)]
            unmatched[f"background, no name like '{self.background_names}'"] = others
        return {reason: files for reason, files in unmatched.items() if files}

    def file_folders(self) -> list[Path]:
        """Return the folders of videos and moments."""
        folders = (self.folder, self.moments, self.background)
        return list(dict.fromkeys(folder for folder in folders if folder is not None))

    def background_videos(self) -> list[AnnotatedVideo]:
        """Return the usable background videos."""
        listed = [video for video in find_background(self.videos, "training") if self.availability.has(video.video_id)]
        names = self._background_paths()
        found = [AnnotatedVideo(name, "training", 0.0, (), has_duration=False) for name in names]
        return [*listed, *self.availability.usable(found, "videos of background")]

    def _untrimmed_samples(self) -> list[AnnotatedVideo]:
        """Annotated and background videos, repeated to reach the background fraction."""
        return mix_background(self._training_videos(), self.background_videos(), self.background_fraction)

    def _background_paths(self) -> dict[str, Path]:
        """File of each background video by id, made like those of moments."""
        if self.background is None:
            return {}
        found = [path for path in list_videos(self.background) if self._is_background(path)]
        if not found:
            raise DataError(
                f"{self.background}: has no video file '{self.background_names}'; add background videos, correct "
                "'background_names', or remove both options"
            )
        return name_moments(("background", path) for path in found)

    def _is_background(self, path: Path) -> bool:
        """Whether the name of a file is one of background."""
        return fnmatchcase(path.stem, self.background_names)

    @property
    def _has_place(self) -> bool:
        """Whether an option gives the place of the moments."""
        return self.moments is not None or self.moment_annotations is not None

    def _check_moment_options(self) -> None:
        """Refuse incompatible options of moments."""
        if self.moment_names is not None and (self.moments is None or self.moment_annotations is not None):
            raise ConfigError(
                "'moment_names' is the pattern of file names in 'moments'; set 'moments', and remove "
                "'moment_annotations'"
            )


def _training(videos: Mapping[str, AnnotatedVideo]) -> dict[str, AnnotatedVideo]:
    """Videos of the training subset."""
    return {name: video for name, video in videos.items() if video.subset == "training"}


def _merge(first: Mapping[str, Path], second: Mapping[str, Path]) -> dict[str, Path]:
    """Files of both; an id with two files is an error."""
    for video_id in first.keys() & second.keys():
        if first[video_id] != second[video_id]:
            raise DataError(f"{second[video_id]}: same name as {first[video_id]}; rename one of them")
    return {**first, **second}
