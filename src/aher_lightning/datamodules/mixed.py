"""Base of all data modules: batches of untrimmed videos, foreground segments and moments, and evaluation."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import pytorch_lightning as pl
from pytorch_lightning.utilities import CombinedLoader
from torch.utils.data import DataLoader

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.annotations.trimmed_clips import TrimmedClip, require_clips_of, warn_of_single_clips
from aher_lightning.annotations.video_selection import restrict, take_fraction
from aher_lightning.datamodules.loaders import EvaluationLoader, IterationLoader
from aher_lightning.datamodules.parts import Part, choose_parts
from aher_lightning.datasets.collate import collate_moments, collate_readable, collate_untrimmed
from aher_lightning.datasets.moments import MomentDataset
from aher_lightning.datasets.quarantine import QUARANTINE_FILE, Quarantine, read_quarantine
from aher_lightning.datasets.readable import OmittingDataset, SubstitutingDataset
from aher_lightning.datasets.sample_rules import SampleRules
from aher_lightning.datasets.sampling import EvaluationSampler, IterationSampler
from aher_lightning.datasets.snippet_source import VideoSource
from aher_lightning.datasets.training_windows import choose_window_sec, usual_duration_sec
from aher_lightning.datasets.untrimmed import UntrimmedDataset
from aher_lightning.datasets.video_availability import OnMissing, VideoAvailability
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import ConfigError
from aher_lightning.features.store import FeatureStore
from aher_lightning.ops.windows import split_windows
from aher_lightning.structures import Categories, EvaluatedSet, MomentBatch, UntrimmedBatch
from aher_lightning.video.contract import PROVENANCE, TemporalContract
from aher_lightning.video.reader import VideoReader


class MixedDataModule(pl.LightningDataModule, ABC):
    """Mix the three parts of a training batch; a subclass provides the videos.

    Training loaders never end: which samples make up iteration ``i`` is a pure function of (seed, i,
    rank, world size), so a run resumes at the iteration that the module counts. Set the number of iterations
    by the trainer's ``limit_train_batches`` (``--iterations`` on the command line).

    Data may be incomplete. Videos and moments without a file, or without features if these are read, are left out with
    a warning per part. A video that fails during a run is quarantined: it is listed in ``quarantine.jsonl`` in the
    trainer's ``default_root_dir``, training replaces its sample by another, and evaluation leaves it out. A run stops
    when more than half of a part cannot be read.

    Args:
        contract: How frames become snippets.
        features: Cached features to read instead of videos; must satisfy the contract.
        reader: Decodes videos; ``None`` takes the default reader.
        cache_frames: Whether to keep decoded frames in memory; for small data sets read many times.
        evaluated: Category set whose videos validation and test score, or "all".
        label_fraction: If given, train with full supervision like AherNet* of the paper: this fraction, above 0 and at
            most 1, of the annotated training videos of the moment categories replaces the untrimmed videos. There are
            no moments then, and the same categories are evaluated, now as "untrimmed".
            :func:`~aher_lightning.annotations.video_selection.take_fraction` selects the videos.
        parts: Parts of a training batch; recognition from pixels works without "untrimmed". ``None`` takes all parts
            of the setting: no "moments" with ``label_fraction``.
        rules: Which annotations of a training video are used, and how short a clip of it may be; by default all
            annotations unchanged.
        batch_size: Samples of each part per iteration and process.
        eval_batch_size: Videos per evaluation batch.
        max_snippets: If given, training moments and foregrounds are random runs of so many snippets.
        any_start: Whether snippets of training moments and foregrounds start at any frame, at random, instead of where
            features are extracted; from pixels only.
        window_sec: If given, untrimmed videos much longer than this are cut into windows: in training random ones, so
            that short actions keep enough time steps, in evaluation overlapping ones, as in localization. "auto" takes
            a length that suits the annotated actions, see
            :func:`~aher_lightning.datasets.training_windows.choose_window_sec`.
        num_workers: Loader processes per part.
        seed: Seed of the order of samples.
        on_missing: What to do with missing videos and moments: "leave_out" of training and evaluation, which lowers
            the ``coverage`` that is reported with the scores, or "error". Choose "error" where figures must be those
            of the complete data set.
        quarantine: Known unusable videos to leave out: a report of ``aher check``, ``aher extract`` or an earlier
            run, or any list of video ids. Resume an interrupted run with the same file: it determines which samples
            make up an iteration.
        time_limit_sec: Time limit for decoding a video; ``None`` sets none.

    Raises:
        ConfigError: If a size or length is not positive, or options are incompatible.
    """

    def __init__(  # noqa: PLR0913 - one option each, all by name
        self,
        *,
        contract: TemporalContract,
        features: FeatureStore | None = None,
        reader: VideoReader | None = None,
        cache_frames: bool = False,
        evaluated: EvaluatedSet = "moment",
        label_fraction: float | None = None,
        parts: Sequence[Part] | None = None,
        rules: SampleRules | None = None,
        batch_size: int = 16,
        eval_batch_size: int = 8,
        max_snippets: int | None = None,
        any_start: bool = False,
        window_sec: float | Literal["auto"] | None = None,
        num_workers: int = 0,
        seed: int = 0,
        on_missing: OnMissing = "leave_out",
        quarantine: Path | None = None,
        time_limit_sec: float | None = None,
    ) -> None:
        super().__init__()
        if label_fraction is not None and not 0 < label_fraction <= 1:
            raise ConfigError(f"'label_fraction' is {label_fraction}, but must be above 0 and at most 1; correct it")
        if min(batch_size, eval_batch_size) < 1 or (max_snippets is not None and max_snippets < 1):
            raise ConfigError("'batch_size', 'eval_batch_size' and 'max_snippets' must be at least 1; correct them")
        if window_sec is not None and window_sec != "auto":
            split_windows(0.0, window_sec)  # refuses an impossible length
        self._contract = contract
        self.features = features
        self.reader = reader
        self.cache_frames = cache_frames
        self.label_fraction = label_fraction
        self.evaluated: EvaluatedSet = evaluated if label_fraction is None else _supervised_set(evaluated)
        self.parts = choose_parts(parts, has_moments=label_fraction is None)
        self.rules = rules or SampleRules()
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.max_snippets = max_snippets
        self.any_start = any_start
        self._window: float | Literal["auto"] | None = window_sec
        self.num_workers = num_workers
        self.seed = seed
        self.on_missing: OnMissing = on_missing
        self.quarantine = quarantine
        self.time_limit_sec = time_limit_sec
        self._broken: Quarantine | None = None

    # Provided by a subclass

    @property
    @abstractmethod
    def untrimmed_categories(self) -> list[str]:
        """Categories with temporal annotations, in the order of their indices."""

    @property
    @abstractmethod
    def moment_categories(self) -> list[str]:
        """Categories known from moments only, in the order of their indices."""

    @property
    @abstractmethod
    def videos(self) -> dict[str, AnnotatedVideo]:
        """All annotated videos by id, of the subsets "training" and "validation"."""

    @abstractmethod
    def moment_clips(self) -> list[TrimmedClip]:
        """Return the trimmed clips of the moment categories."""

    @abstractmethod
    def video_paths(self) -> dict[str, Path]:
        """Return the file of every video and moment by its id."""

    def file_folders(self) -> list[Path]:
        """Return the folders of the files, for messages about missing ones."""
        return []

    def moment_sources(self) -> Iterable[AnnotatedVideo]:
        """Return the annotated videos that moments are cut from."""
        return self.videos.values()

    @property
    def has_moments(self) -> bool:
        """Whether training reads moments."""
        return "moments" in self.parts

    def found_categories(self) -> list[str]:
        """Return all categories that have moments, also those that are not learnt."""
        return list(dict.fromkeys(clip.label for clip in self.moment_clips()))

    def unmatched_files(self) -> dict[str, list[Path]]:
        """Return the files that are left out because of their names, by the reason."""
        return {}

    # Derived from it

    @property
    def categories(self) -> Categories:
        """The two category sets; with full supervision the moment categories are the annotated ones."""
        if self.label_fraction is not None:
            return Categories(self.moment_categories, [], self.evaluated)
        return Categories(self.untrimmed_categories, self.moment_categories, self.evaluated)

    def untrimmed_videos(self) -> list[AnnotatedVideo]:
        """Return the training videos with instances of the untrimmed categories."""
        videos = restrict(self.videos, subset="training", categories=self.categories.untrimmed)
        return list((videos if self.label_fraction is None else take_fraction(videos, self.label_fraction)).values())

    def evaluation_videos(self) -> list[AnnotatedVideo]:
        """Return the validation videos with instances of the evaluated categories."""
        return list(restrict(self.videos, subset="validation", categories=self.categories.names).values())

    @property
    def num_evaluation_videos(self) -> int:
        """Number of videos annotated for evaluation, existing or not."""
        return len(self.evaluation_videos())

    @property
    def training_window_sec(self) -> float | None:
        """Length in seconds of the windows that long videos are cut into; ``None`` takes them as a whole.

        Raises:
            ConfigError: If it is "auto" and no action is annotated.
        """
        if self._window != "auto":
            return self._window
        chosen = choose_window_sec(self.untrimmed_videos())
        if chosen is None:
            raise ConfigError("'window_sec: auto' needs annotated actions; give a length in seconds")
        return chosen

    @property
    def window_sec(self) -> float | None:
        """Length of the windows in which longer videos are localized, in seconds.

        That of training windows, or what nine of ten untrimmed training videos do not exceed; ``None`` without either.
        """
        if self._window is not None:
            return self.training_window_sec
        return usual_duration_sec(self.untrimmed_videos()) if "untrimmed" in self.parts else None

    @property
    def contract(self) -> TemporalContract:
        """How frames become snippets: the contract of the feature store if there is one.

        Raises:
            ContractError: If it contradicts the contract of this data module.
        """
        if self.features is None:
            return self._contract
        stored = self.features.contract
        values = stored.to_dict()
        options = [
            f"--data.contract.{name}={json.dumps(values[name], separators=(',', ':'))}"
            for name in self._contract.differences(stored, ignore=PROVENANCE)
        ]
        self._contract.check_compatible(
            stored,
            ignore=PROVENANCE,
            where=("in data.contract", "in data.features"),
            remedy=f"add {' '.join(options)}, or give other features",
        )
        return stored

    @cached_property
    def source(self) -> VideoSource:
        """Source of the snippets."""
        return self.features or self.video_folder()

    def video_folder(self) -> VideoFolder:
        """Return the source that decodes video files, also with cached features."""
        return VideoFolder(
            self.video_paths(),
            self.contract,
            reader=self.reader,
            cache_frames=self.cache_frames,
            time_limit_sec=self.time_limit_sec,
        )

    @cached_property
    def availability(self) -> VideoAvailability:
        """Which videos and moments are usable, determined on first use.

        Raises:
            AnnotationError: If the list of unusable videos cannot be read.
        """
        folders = " or ".join(map(str, self.file_folders()))
        kind, place = ("file", folders) if self.features is None else ("features", getattr(self.features, "root", ""))
        return VideoAvailability(
            self.source.video_ids,
            f"no {kind} in {place}" if place else f"no {kind}",
            quarantined=read_quarantine(self.quarantine) if self.quarantine is not None else (),
            on_missing=self.on_missing,
        )

    def train_dataloader(self) -> CombinedLoader:
        """Return one endless loader per part, combined."""
        return CombinedLoader({part: self.training_loader(part) for part in self.parts}, mode="min_size")

    def training_loader(self, part: Part) -> IterationLoader:
        """Return the endless loader of one part of a training batch.

        Raises:
            DataError: If nothing of the part is usable.
        """
        if part == "untrimmed":
            return self._loader(part, self._untrimmed_dataset(), collate_untrimmed)
        dataset = self._foreground_dataset() if part == "foreground" else self._moment_dataset()
        return self._loader(part, dataset, collate_moments)

    def val_dataloader(self) -> DataLoader[object]:
        """Return the evaluation loader; every video once over all processes."""
        videos = self.availability.usable(self.evaluation_videos(), "videos of evaluation")
        dataset = UntrimmedDataset(videos, self.source, self.categories.names)
        rank, world_size = self._place()
        return EvaluationLoader(
            OmittingDataset(dataset, self._run_quarantine()),
            batch_size=self.eval_batch_size,
            sampler=EvaluationSampler(len(dataset), rank=rank, world_size=world_size),
            collate_fn=collate_readable,
            num_workers=self.num_workers,
        )

    test_dataloader = val_dataloader
    predict_dataloader = val_dataloader

    def _training_videos(self) -> list[AnnotatedVideo]:
        """The usable untrimmed training videos with the selected instances."""
        videos = self.availability.usable(self.untrimmed_videos(), "videos of training")
        return [self.rules.select_instances(video.clipped()) for video in videos]

    def _untrimmed_samples(self) -> list[AnnotatedVideo]:
        """Samples of the untrimmed part of a batch."""
        return self._training_videos()

    def _untrimmed_dataset(self) -> UntrimmedDataset:
        samples, categories = self._untrimmed_samples(), self.categories.untrimmed
        return UntrimmedDataset(samples, self.source, categories, self.training_window_sec)

    def _foreground_dataset(self) -> MomentDataset:
        clips = self.rules.cut_foregrounds(self._training_videos(), self.contract)
        return self._clip_dataset(clips, self.categories.untrimmed)

    def _moment_dataset(self) -> MomentDataset:
        found = self.moment_clips()
        if {*self.categories.moment} - {clip.label for clip in found}:
            require_clips_of(self.categories.moment, found, self.found_categories())
        usable = self.availability.usable(found, "moments")
        warn_of_single_clips(usable)
        clips = self.rules.widen_moments(usable, self.moment_sources(), self.contract)
        return self._clip_dataset(clips, self.categories.moment)

    def _clip_dataset(self, clips: Sequence[TrimmedClip], categories: Sequence[str]) -> MomentDataset:
        return MomentDataset(clips, self.source, categories, max_snippets=self.max_snippets, any_start=self.any_start)

    def _loader(
        self,
        part: Part,
        dataset: UntrimmedDataset | MomentDataset,
        collate: Callable[..., UntrimmedBatch | MomentBatch],
    ) -> IterationLoader:
        rank, world_size = self._place()
        sampler = IterationSampler(
            len(dataset),
            self.batch_size,
            seed=self.seed,
            stream=part,
            rank=rank,
            world_size=world_size,
            first_iteration=self._finished_iterations,
        )
        readable = SubstitutingDataset(dataset, self._run_quarantine(), f"videos of '{part}'")
        return IterationLoader(readable, sampler, collate_fn=collate, num_workers=self.num_workers)

    def _run_quarantine(self) -> Quarantine:
        """Quarantine of this process, the same for all loaders of a run."""
        path = Path(self.trainer.default_root_dir) / QUARANTINE_FILE if self.trainer is not None else None
        if self._broken is None or self._broken.path != path:
            self._broken = Quarantine(path, self.source.paths if isinstance(self.source, VideoFolder) else None)
        return self._broken

    def _place(self) -> tuple[int, int]:
        """Rank of this process and number of processes."""
        if self.trainer is None:
            return 0, 1
        if self.trainer.overfit_batches:  # type: ignore[attr-defined]  # Lightning does not declare it
            raise ConfigError(
                "'trainer.overfit_batches' replaces samplers; remove it, and train on fewer videos instead"
            )
        return self.trainer.global_rank, self.trainer.world_size

    def _finished_iterations(self) -> int:
        """Finished iterations, which the module counts."""
        if self.trainer is None:
            return 0
        iteration = getattr(self.trainer.lightning_module, "iteration", None)
        if not isinstance(iteration, int):
            raise ConfigError("the module counts no iterations; train a module of this package")
        return iteration


def _supervised_set(evaluated: EvaluatedSet) -> EvaluatedSet:
    """Category set that replaces the moment set with full supervision."""
    if evaluated == "all":
        raise ConfigError("with 'label_fraction' there is one category set; set 'evaluated' to \"untrimmed\"")
    return "untrimmed"
