"""Validation and conversion of rows of a prediction file: fast in bulk, one by one where a row is invalid."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from aher_lightning.files.json_files import MalformedError, json_type
from aher_lightning.files.json_stream import RepeatedKeys


class InvalidRowError(MalformedError):
    """An invalid row of a prediction file.

    Args:
        reason: What is wrong, the same text for all such rows.
        message: The same in detail; the reason by default.
    """

    def __init__(self, reason: str, message: str | None = None) -> None:
        super().__init__(message or reason)
        self.reason = reason

    def within(self, place: str) -> InvalidRowError:
        """Return the same error with the place in front of its message."""
        return InvalidRowError(self.reason, f"{place}: {self}")


class Rows(NamedTuple):
    """Some rows of one video.

    Attributes:
        segments: Start and end in seconds, float64 ``(N, 2)``.
        scores: Confidence, float64 ``(N,)``.
        labels: Index of the category, int64 ``(N,)``.
    """

    segments: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]


class LabelTable:
    """The index of every category name.

    Args:
        names: Valid names, in the order of their indices; ``None`` accepts every name, in the order of first use.

    Example:
        >>> table = LabelTable()
        >>> table.indices(["wave", "jump", "wave"]), table.names
        ([0, 1, 0], ['wave', 'jump'])
    """

    def __init__(self, names: Sequence[str] | None = None) -> None:
        self._is_closed = names is not None
        self._indices = {name: index for index, name in enumerate(names or ())}

    @property
    def names(self) -> list[str]:
        """All names, in the order of their indices."""
        return list(self._indices)

    def knows(self, name: str) -> bool:
        """Whether :meth:`indices` accepts a name."""
        return not self._is_closed or name in self._indices

    def indices(self, names: Iterable[str]) -> list[int]:
        """Return the index of each accepted name; new names get the next index."""
        names = list(names)
        for name in dict.fromkeys(names):
            self._indices.setdefault(name, len(self._indices))
        return [self._indices[name] for name in names]


def convert_rows(entries: Sequence[object], labels: LabelTable) -> Rows:
    """Return valid rows, parsed JSON values, as arrays in their order; ``labels`` takes in new names."""
    segments, scores, names = (_column(entries, key) for key in ("segment", "score", "label"))
    return Rows(
        np.array(segments, dtype=np.float64).reshape(-1, 2),
        np.array(scores, dtype=np.float64),
        np.array(labels.indices(cast("list[str]", names)), dtype=np.int64),
    )


def are_valid(entries: Sequence[object], labels: LabelTable) -> bool:
    """Quickly tell whether all rows would pass :func:`check_row`.

    Args:
        entries: Parsed JSON values whose numbers are all floats, as from :mod:`aher_lightning.files.json_stream`.
        labels: Category names.

    Example:
        >>> are_valid([{"label": "wave", "score": 0.5, "segment": [1.0, 2.0]}], LabelTable(["jump"]))
        False
    """
    # An object with a repeated key is of a subclass.
    if not _are_all(entries, dict):
        return False
    try:
        names, scores, segments = (_column(entries, key) for key in ("label", "score", "segment"))
    except KeyError:
        return False
    if not (_are_all(names, str) and _are_all(scores, float) and _are_all(segments, list)):
        return False
    pairs = cast("list[list[float]]", segments)
    times = list(chain.from_iterable(pairs))
    return (
        set(map(len, pairs)) <= {2}
        and _are_all(times, float)
        and all(map(math.isfinite, times))
        and all(map(math.isfinite, cast("list[float]", scores)))
        and all(map(operator.le, times[::2], times[1::2]))
        and all(name and labels.knows(name) for name in set(cast("list[str]", names)))
    )


def check_row(entry: object, labels: LabelTable) -> None:
    """Raise if a row is invalid.

    A valid row is an object with a known ``"label"``, a finite ``"score"``, and a ``"segment"`` of two finite numbers
    whose second is not below the first. A segment of zero seconds is valid, as official evaluators count it: it
    overlaps nothing. Other keys are ignored.

    Args:
        entry: Parsed JSON value whose numbers are all floats, as from :mod:`aher_lightning.files.json_stream`.
        labels: Category names.

    Raises:
        InvalidRowError: If the row is invalid.

    Example:
        >>> check_row({"label": "wave", "score": 0.5, "segment": [3.0, 2.0]}, LabelTable())
        Traceback (most recent call last):
        aher_lightning.reports.predictions.rows.InvalidRowError: segment ends before it starts ([3.0, 2.0])
    """
    if not isinstance(entry, dict):
        raise InvalidRowError("row is not an object", f"row is not an object (JSON {json_type(entry)})")
    if isinstance(entry, RepeatedKeys):
        raise InvalidRowError("a key occurs twice", f"the key {entry.repeated!r:.80} occurs twice")
    _check_label(entry, labels)
    _check_segment(entry)
    score = entry.get("score")
    if not isinstance(score, float):
        raise _wrong_type("score is not a number", entry, "score")
    if not math.isfinite(score):
        raise InvalidRowError("score is not finite", f"score is not finite ({score})")


def _check_label(entry: dict[str, object], labels: LabelTable) -> None:
    """Raise unless the row has a known category name."""
    name = entry.get("label")
    if not isinstance(name, str) or not name:
        raise _wrong_type("label is not a name", entry, "label")
    if not labels.knows(name):
        raise InvalidRowError(
            "unknown label", f"label {name!r:.80} is not among the {len(labels.names)} known categories"
        )


def _check_segment(entry: dict[str, object]) -> None:
    """Raise unless the row has two finite numbers in order."""
    segment = entry.get("segment")
    if not isinstance(segment, list):
        raise _wrong_type("segment is not [start, end]", entry, "segment")
    if len(segment) != 2 or not _are_all(segment, float):
        kinds = ", ".join(map(json_type, segment[:3])) + (", ..." if len(segment) > 3 else "")
        raise InvalidRowError("segment is not [start, end]", f"segment is not [start, end] ([{kinds}])")
    start, end = segment
    if not (math.isfinite(start) and math.isfinite(end)):
        raise InvalidRowError("segment is not finite", f"segment is not finite ([{start}, {end}])")
    if end < start:
        raise InvalidRowError("segment ends before it starts", f"segment ends before it starts ([{start}, {end}])")


def _wrong_type(reason: str, entry: dict[str, object], key: str) -> InvalidRowError:
    """Return the error for a value of the wrong type."""
    value = entry.get(key)
    found = f"JSON {json_type(value)}" if value != "" else "empty"
    return InvalidRowError(reason, f"{reason} ({found if key in entry else 'missing'})")


def _column(entries: Sequence[object], key: str) -> list[object]:
    """Return the value of every row under a key that all rows have."""
    return [entry[key] for entry in cast("Sequence[dict[str, object]]", entries)]


def _are_all(values: Iterable[object], kind: type) -> bool:
    """Whether all values are exactly of a type, not of a subclass."""
    return set(map(type, values)) <= {kind}
