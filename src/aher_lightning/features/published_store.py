"""Feature stores in layouts that others publish: what they have in common."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from math import floor
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import torch

from aher_lightning.errors import DataError
from aher_lightning.features.published_manifest import MANIFEST_NAME, PublishedManifest, parse_durations
from aher_lightning.features.spans import place_snippets
from aher_lightning.features.store import FeatureStore
from aher_lightning.files.json_files import MalformedError, read_json_object
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.contract import TemporalContract

_NAMED = 3
"""Missing videos that a message names; it counts the others."""

_logger = logging.getLogger(__name__)


class FeatureArray(Protocol):
    """An array of features of which a part can be read: of NumPy, mapped, or of HDF5."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        ...

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the numbers."""
        ...

    def __getitem__(self, key: slice | tuple[slice, slice]) -> npt.NDArray[np.generic]:
        """Read a part."""
        ...


class PublishedFeatureStore(FeatureStore):
    """Features that others made, read as they lie, beside a ``features.json`` that says what they are.

    Nothing is guessed: layout, channels, names and times stand in the manifest, see
    :class:`~aher_lightning.features.published_manifest.PublishedManifest`. Which videos there are is checked when
    the store is first used; the shape, the number of snippets and the values of a video when it is read.

    Args:
        root: Folder of the features and their manifest. Nothing is ever written there.
        durations: JSON file with durations in seconds: an annotation file in ActivityNet's layout, or an object of
            seconds by video id. Needed if the manifest has none.
        skip_missing: Whether to leave out videos that have a duration but no features, and log how many; else such
            videos are refused.
        tolerance: Snippets by which a video may have more or less than its duration and the contract make; see
            :func:`expected_snippets`.

    Raises:
        DataError: On first use, if the manifest is missing or damaged, or videos are missing.
        ContractError: On first use, if the temporal contract makes no sense.
    """

    formats: ClassVar[tuple[str, ...]]
    """Formats of the manifest that the class reads."""

    def __init__(
        self, root: Path, durations: Path | None = None, *, skip_missing: bool = False, tolerance: int = 2
    ) -> None:
        self.root = root
        self.durations = durations
        self.skip_missing = skip_missing
        self.tolerance = tolerance

    @abstractmethod
    def _names(self) -> Collection[str]:
        """Names of all files or datasets that may be features."""

    @abstractmethod
    def _name(self, video_id: str) -> str:
        """Name of the file or dataset of a video."""

    @abstractmethod
    def _array(self, video_id: str) -> AbstractContextManager[FeatureArray]:
        """Open the array of a video that is there."""

    # Opened on first use: configuration tools wrap what a constructor raises into pages of their own.
    @cached_property
    def manifest(self) -> PublishedManifest:
        """What the manifest says.

        Raises:
            DataError: If there is none, it is damaged, or is of a format that another class reads.
            ContractError: If its temporal contract makes no sense.
        """
        manifest = PublishedManifest.read(self.root)
        if manifest.format not in self.formats:
            raise DataError(
                f"{self.root / MANIFEST_NAME}: format is {manifest.format}, but {type(self).__name__} reads "
                f"{', '.join(self.formats)}; name the store that fits, or correct the format"
            )
        return manifest

    @cached_property
    def _durations_sec(self) -> dict[str, float]:
        """Seconds of all videos that are there."""
        given = dict(self.manifest.durations_sec) or (_read_durations(self.durations) if self.durations else {})
        if not given or (self.manifest.durations_sec and self.durations):
            raise DataError(
                f"{self.root}: durations must stand in {MANIFEST_NAME} ('durations_sec') or in the file that the "
                f"option 'durations' names, {'not in both' if given else 'but are in neither'}; correct it"
            )
        there = set(self._names())
        missing = [video_id for video_id in given if self._name(video_id) not in there]
        if missing:
            self._report_missing(missing, len(given))
        return {video_id: given[video_id] for video_id in sorted(given.keys() - missing)}

    def _report_missing(self, missing: list[str], count: int) -> None:
        """Refuse missing videos, or log how many are left out."""
        named = ", ".join(repr(video_id)[:80] for video_id in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        told = f"{self.root}: {len(missing)} of {count} videos have no features ({named}{more})"
        if not self.skip_missing or len(missing) == count:
            raise DataError(
                f"{told}, the first was looked for as {self._name(missing[0])!r:.120}; "
                "correct prefix and suffix, add the files, or set 'skip_missing'"
            )
        _logger.warning("%s; they are left out", told)

    @property
    def contract(self) -> TemporalContract:
        """How the features came about."""
        return self.manifest.contract

    @property
    def video_ids(self) -> list[str]:
        """Names of all videos with features, sorted."""
        return list(self._durations_sec)

    def duration_sec(self, video_id: str) -> float:
        """Return the duration of a video; see :meth:`FeatureStore.duration_sec`."""
        if video_id not in self._durations_sec:
            raise DataError(
                f"{self.root}: no features with a duration of video {video_id!r:.80} among "
                f"{len(self._durations_sec)}; add it there, or leave the video out of the annotations"
            )
        return self._durations_sec[video_id]

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        """Return the snippets of a span; see :meth:`FeatureStore.read`."""
        duration_sec = self.duration_sec(video_id)
        is_time_first = self.manifest.layout == "TC"
        with self._array(video_id) as array:
            count = self._count_snippets(video_id, array, duration_sec)
            first_centre_sec, step_sec = self._times(duration_sec)
            place = place_snippets(count, first_centre_sec, step_sec, span_sec, duration_sec)
            rows = slice(place.chosen.start, place.chosen.stop)
            part = array[rows] if is_time_first else array[:, rows].T
            values = np.array(part, dtype=np.float32, order="C")  # a copy: mapped and kept arrays stay as they are
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).any(axis=1).sum())
            raise DataError(
                f"{self._place(video_id)}: {bad} of {len(values)} snippets of video {video_id!r:.80} are not finite "
                "(nan, or too large for float32); fetch the file again, or leave the video out"
            )
        return SnippetSequence(torch.from_numpy(values), place.first_centre, place.step)

    def faults(self) -> dict[str, str]:
        """Return what is wrong with the features of each video; reads every byte.

        Returns:
            Messages by video id, for videos that cannot be read.

        Raises:
            DataError: If the store as a whole cannot be used.
        """
        found = {video_id: self._fault(video_id) for video_id in self.video_ids}
        return {video_id: fault for video_id, fault in found.items() if fault}

    def _fault(self, video_id: str) -> str:
        """What is wrong with the features of a video; empty if nothing is."""
        try:
            self.read(video_id)
        except DataError as failure:
            return str(failure)
        return ""

    def _times(self, duration_sec: float) -> tuple[float, float]:
        """Centre of the first snippet of a video, and how far it is to the next, in seconds."""
        parts = self.manifest.resampled_to
        if parts is None:
            return self.contract.first_centre_sec, self.contract.step_sec
        return 0.5 * duration_sec / parts, duration_sec / parts

    def _expected_snippets(self, duration_sec: float) -> range:
        """How many snippets a video may have, tolerance included."""
        parts = self.manifest.resampled_to
        if parts is not None:
            return range(parts, parts + 1)
        expected = expected_snippets(duration_sec, self.contract)
        return range(expected.start - self.tolerance, expected.stop + self.tolerance)

    def _count_snippets(self, video_id: str, array: FeatureArray, duration_sec: float) -> int:
        """Check type, shape and length of an array without reading it; return its snippets."""
        manifest, place = self.manifest, self._place(video_id)
        wanted = f"(T, {manifest.channels})" if manifest.layout == "TC" else f"({manifest.channels}, T)"
        channel_axis = 1 if manifest.layout == "TC" else 0
        shape = array.shape
        if array.dtype.kind != "f" or len(shape) != 2 or 0 in shape or shape[channel_axis] != manifest.channels:
            raise DataError(
                f"{place}: video {video_id!r:.80} is {array.dtype} {shape}, but layout {manifest.layout} with "
                f"{manifest.channels} channels wants floats {wanted}; correct {MANIFEST_NAME} or the file"
            )
        count = shape[1 - channel_axis]
        if count in self._expected_snippets(duration_sec):
            return count
        if manifest.resampled_to is not None:
            raise DataError(
                f"{place}: video {video_id!r:.80} has {count} snippets, but 'resampled_to' is {manifest.resampled_to}; "
                "correct it, or the file"
            )
        expected = expected_snippets(duration_sec, manifest.contract)
        raise DataError(
            f"{place}: video {video_id!r:.80} has {count} snippets, but {duration_sec:g} s make "
            f"{expected.start} to {expected.stop - 1} by the contract; correct fps, stride or duration, "
            "say 'resampled_to' if all videos have as many, or raise 'tolerance'"
        )

    def _place(self, video_id: str) -> str:
        """Where the features of a video lie, for messages."""
        return str(self.root / self._name(video_id))


def expected_snippets(duration_sec: float, contract: TemporalContract) -> range:
    """Return how many snippets a video may have.

    Extractors differ at the end of a video: the fewest are those whose whole clip lies in it, the most those
    whose centre does, the clip being padded.

    Args:
        duration_sec: Duration of the video in seconds.
        contract: How the features came about.

    Returns:
        All numbers from the fewest to the most, at least 1.

    Example:
        >>> expected_snippets(10.0, TemporalContract(fps=30.0, clip_length=16, snippet_stride=4))
        range(72, 75)
    """
    frames, stride = duration_sec * contract.fps, contract.snippet_stride
    most = floor((frames - contract.first_centre_frames) / stride) + 1
    fewest = floor((frames - contract.clip_length / 2 - contract.first_centre_frames) / stride) + 1
    return range(max(fewest, 1), max(most, 1) + 1)


def _read_durations(path: Path) -> dict[str, float]:
    """Read seconds by video id, from an annotation file or a plain object."""
    content = read_json_object(path, DataError)
    try:
        return parse_durations(_durations_of_database(content["database"]) if "database" in content else content)
    except MalformedError as failure:
        raise DataError(f"{path}: {failure}; correct the file") from None


def _durations_of_database(database: object) -> Mapping[str, object]:
    """The durations of an annotation file in ActivityNet's layout."""
    if not isinstance(database, dict):
        raise MalformedError("database must be an object of videos")
    without = [
        video_id for video_id, video in database.items() if not isinstance(video, dict) or "duration" not in video
    ]
    if without:
        raise MalformedError(f"video {without[0]!r:.80} has no duration")
    return {video_id: video["duration"] for video_id, video in database.items()}
