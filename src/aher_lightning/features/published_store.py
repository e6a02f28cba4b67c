"""Base of the stores of third-party features."""

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
from aher_lightning.features.store import FeatureStore
from aher_lightning.files.json_files import MalformedError, read_json_object
from aher_lightning.ops.spans import place_snippets
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.contract import TemporalContract

_MOST_NAMED = 3
"""Missing videos that a message names; it counts the others."""

_logger = logging.getLogger(__name__)


class FeatureArray(Protocol):
    """An array that can be read in part: of NumPy, memory-mapped, or of HDF5."""

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
    """Third-party features, read in place, with a ``features.json`` that describes them.

    Nothing is guessed: layout, channels, names and times are in the manifest, see
    :class:`~aher_lightning.features.published_manifest.PublishedManifest`. The store checks which videos it has on
    first use; the shape, the number of snippets and the values of a video when it is read.

    Args:
        root: Folder of the features and their manifest; nothing is written to it.
        durations: JSON file with durations in seconds: an annotation file in ActivityNet's layout, or an object of
            seconds by video id. Required if the manifest has none.
        skip_missing: Whether to leave out videos with a duration but without features, and log how many; else such
            videos are an error.
        tolerance: By how many snippets a video may deviate from its duration and the contract; see
            :func:`expected_snippets`.

    Raises:
        DataError: On first use, if the manifest is missing or damaged, or videos are missing.
        ContractError: On first use, if the temporal contract is invalid.
    """

    formats: ClassVar[tuple[str, ...]]
    """Formats that the class reads."""

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
        """Open the array of an existing video."""

    # Opened on first use: configuration tools bury errors of a constructor in long messages of their own.
    @cached_property
    def manifest(self) -> PublishedManifest:
        """The manifest.

        Raises:
            DataError: If there is none, it is damaged, or has a format that another class reads.
            ContractError: If its temporal contract is invalid.
        """
        manifest = PublishedManifest.read(self.root)
        if manifest.format not in self.formats:
            raise DataError(
                f"{self.root / MANIFEST_NAME}: format is {manifest.format}, but {type(self).__name__} reads "
                f"{', '.join(self.formats)}; choose the store of this format, or correct the format"
            )
        return manifest

    @cached_property
    def _durations_sec(self) -> dict[str, float]:
        """Seconds of all existing videos."""
        given = dict(self.manifest.durations_sec) or (_read_durations(self.durations) if self.durations else {})
        if not given or (self.manifest.durations_sec and self.durations):
            raise DataError(
                f"{self.root}: durations must be in {MANIFEST_NAME} ('durations_sec') or in the file of the "
                f"option 'durations', {'not in both' if given else 'but are in neither'}; correct it"
            )
        existing = set(self._names())
        missing = [video_id for video_id in given if self._name(video_id) not in existing]
        if missing:
            self._report_missing(missing, len(given))
        return {video_id: given[video_id] for video_id in sorted(given.keys() - missing)}

    def _report_missing(self, missing: list[str], count: int) -> None:
        """Refuse missing videos, or log how many are left out."""
        named = ", ".join(repr(video_id)[:80] for video_id in missing[:_MOST_NAMED])
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        summary = f"{self.root}: {len(missing)} of {count} videos have no features ({named}{more})"
        if not self.skip_missing or len(missing) == count:
            raise DataError(
                f"{summary}, the first was expected as {self._name(missing[0])!r:.120}; "
                "correct prefix and suffix, add the files, or set 'skip_missing'"
            )
        _logger.warning("%s; they are left out", summary)

    @property
    def contract(self) -> TemporalContract:
        """Temporal contract of the features."""
        return self.manifest.contract

    @property
    def video_ids(self) -> list[str]:
        """Names of all videos with features, sorted."""
        return list(self._durations_sec)

    def duration_sec(self, video_id: str) -> float:
        """Return the duration of a video; see :meth:`FeatureStore.duration_sec`."""
        if video_id not in self._durations_sec:
            raise DataError(
                f"{self.root}: video {video_id!r:.80} is not among the {len(self._durations_sec)} with features "
                "and a duration; add it, or remove it from the annotations"
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
            values = np.array(part, dtype=np.float32, order="C")  # a copy: mapped and cached arrays stay unchanged
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).any(axis=1).sum())
            raise DataError(
                f"{self._place(video_id)}: {bad} of {len(values)} snippets of video {video_id!r:.80} are not finite "
                "(nan, or too large for float32); fetch the file again, or leave the video out"
            )
        return SnippetSequence(torch.from_numpy(values), place.first_centre, place.step)

    def faults(self) -> dict[str, str]:
        """Return the error of each video whose features cannot be read, by id; reads every byte.

        Raises:
            DataError: If the store as a whole is unusable.
        """
        found = {video_id: self._fault(video_id) for video_id in self.video_ids}
        return {video_id: fault for video_id, fault in found.items() if fault}

    def _fault(self, video_id: str) -> str:
        """Error on reading the features of a video; empty if there is none."""
        try:
            self.read(video_id)
        except DataError as failure:
            return str(failure)
        return ""

    def _times(self, duration_sec: float) -> tuple[float, float]:
        """Centre of the first snippet of a video and distance to the next, in seconds."""
        parts = self.manifest.resampled_to
        if parts is None:
            return self.contract.first_centre_sec, self.contract.step_sec
        return 0.5 * duration_sec / parts, duration_sec / parts

    def _expected_snippets(self, duration_sec: float) -> range:
        """Accepted numbers of snippets of a video."""
        parts = self.manifest.resampled_to
        if parts is not None:
            return range(parts, parts + 1)
        expected = expected_snippets(duration_sec, self.contract)
        return range(expected.start - self.tolerance, expected.stop + self.tolerance)

    def _count_snippets(self, video_id: str, array: FeatureArray, duration_sec: float) -> int:
        """Check type, shape and length of an array without reading it; return its number of snippets."""
        manifest, place = self.manifest, self._place(video_id)
        wanted = f"(T, {manifest.channels})" if manifest.layout == "TC" else f"({manifest.channels}, T)"
        channel_axis = 1 if manifest.layout == "TC" else 0
        shape = array.shape
        if array.dtype.kind != "f" or len(shape) != 2 or 0 in shape or shape[channel_axis] != manifest.channels:
            raise DataError(
                f"{place}: video {video_id!r:.80} is {array.dtype} {shape}, but layout {manifest.layout} with "
                f"{manifest.channels} channels needs floats {wanted}; correct {MANIFEST_NAME} or the file"
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
            f"{place}: video {video_id!r:.80} has {count} snippets, but {duration_sec:g} s give "
            f"{expected.start} to {expected.stop - 1} by the contract; correct fps, stride or duration, "
            "set 'resampled_to' if all videos have as many, or increase 'tolerance'"
        )

    def _place(self, video_id: str) -> str:
        """Place of the features of a video, for messages."""
        return str(self.root / self._name(video_id))


def expected_snippets(duration_sec: float, contract: TemporalContract) -> range:
    """Return the range of plausible numbers of snippets of a video of this duration in seconds, at least 1.

    Extractors differ at the end of a video: the fewest are those whose whole clip lies in it, the most those
    whose centre does, the clip being padded.

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
    """Durations of an annotation file in ActivityNet's layout."""
    if not isinstance(database, dict):
        raise MalformedError("database must be an object of videos")
    without = [
        video_id for video_id, video in database.items() if not isinstance(video, dict) or "duration" not in video
    ]
    if without:
        raise MalformedError(f"video {without[0]!r:.80} has no duration")
    return {video_id: video["duration"] for video_id, video in database.items()}
