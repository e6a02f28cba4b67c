"""Streaming reader of prediction files in ActivityNet's layout, with errors that name the place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.errors import PredictionError
from aher_lightning.files.json_files import MalformedError, json_type
from aher_lightning.files.json_stream import CHUNK_BYTES, EntryNames, ProgressCallback, stream_entries
from aher_lightning.reports.predictions.rows import (
    InvalidRowError,
    LabelTable,
    Rows,
    are_valid,
    check_row,
    convert_rows,
)
from aher_lightning.structures import Detections

_ROWS_AT_ONCE = 4096
"""Rows that are checked together; if one is invalid, they are checked one by one."""


_REPEATED = "video id occurs twice"


class Predictions(NamedTuple):
    """Content of a prediction file.

    Attributes:
        detections: Detections by video id, both in file order, float64.
        categories: Names that the labels of the detections index.
        skipped: Number of skipped rows by reason; a video with an invalid id or entry counts as one.
    """

    detections: dict[str, Detections]
    categories: list[str]
    skipped: Mapping[str, int] = {}


def read_predictions(
    path: Path,
    categories: Sequence[str] | None = None,
    *,
    skip_invalid: bool = False,
    on_progress: ProgressCallback | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> Predictions:
    """Return the detections of a prediction file.

    The layout is ``{"results": {ID: [{"label", "score", "segment"}]}}``; other keys are ignored. Rows are invalid by
    the rules of :func:`~aher_lightning.reports.predictions.rows.check_row`. A video id may occur once. Memory holds
    the result (32 bytes per row), one video of it twice, and a few chunks of text.

    Args:
        path: Prediction file.
        categories: Names that may occur, in the order of their indices; ``None`` takes them from the file, in
            the order of their first occurrence.
        skip_invalid: Skip and count invalid rows, entries that are not lists, and videos with an unsafe or repeated
            id, instead of refusing the file.
        on_progress: Called after each chunk with the bytes read and the size of the file.
        chunk_bytes: Size of a chunk.

    Raises:
        PredictionError: If the file is missing, empty, not JSON, not in this layout, or has an invalid entry that may
            not be skipped; the message names the file, the video and the row, from 0.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> row = '{"label": "wave", "score": %s, "segment": [3, 4]}'
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "p.json").write_text('{"results": {"v1": [' + row % "NaN" + "," + row % 1 + "]}}")
        ...     found = read_predictions(Path(folder, "p.json"), skip_invalid=True)
        >>> found.detections["v1"].segments, found.skipped
        (tensor([[3., 4.]], dtype=torch.float64), {'score is not finite': 1})
    """
    reading = _Reading(LabelTable(categories), skip_invalid=skip_invalid)
    names = EntryNames("video", "prediction")
    parts = stream_entries(
        path, "results", PredictionError, names=names, chunk_bytes=chunk_bytes, on_progress=on_progress
    )
    video_id = ""
    try:
        for video_id, first, value in parts:
            reading.add(video_id, first, value)
    except InvalidRowError as reason:
        raise PredictionError(
            f"{path}: video {video_id!r:.80}: {reason}; fix the file or give --skip-invalid"
        ) from None
    return Predictions(reading.take_detections(), reading.labels.names, dict(+reading.skipped))


class _Reading:
    """The part of a prediction file that has been read."""

    def __init__(self, labels: LabelTable, *, skip_invalid: bool) -> None:
        self.labels = labels
        self.skipped: Counter[str] = Counter()
        self._skip_invalid = skip_invalid
        self._seen: set[str] = set()
        self._blocks: dict[str, list[Rows]] = {}
        # Why the current video is skipped, if it is.
        self._flaw: InvalidRowError | None = None

    def add(self, video_id: str, first: int, value: object) -> None:
        """Add a video, or more rows of it; what is invalid raises, or is skipped and counted."""
        if first == 0:
            self._flaw = _find_flaw(video_id, value, self._seen)
            self._seen.add(video_id)
        rows = value if isinstance(value, list) else [value]
        if self._flaw is not None:
            self._skip(self._flaw, len(rows) if self._flaw.reason == _REPEATED else int(first == 0))
            return
        blocks = self._blocks.setdefault(video_id, [])
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            blocks.append(self._convert(rows[start : start + _ROWS_AT_ONCE], first + start))

    def take_detections(self) -> dict[str, Detections]:
        """Return the detections by video, and release them to save memory."""
        return {video_id: _join(self._blocks.pop(video_id)) for video_id in list(self._blocks)}

    def _convert(self, rows: Sequence[object], first: int) -> Rows:
        """Return the valid rows of a video; the first one given has the number ``first``."""
        if not are_valid(rows, self.labels):
            rows = [row for number, row in enumerate(rows, first) if self._is_valid(row, number)]
        return convert_rows(rows, self.labels)

    def _is_valid(self, row: object, number: int) -> bool:
        """Whether a row is valid; an invalid one raises, or is counted."""
        try:
            check_row(row, self.labels)
        except InvalidRowError as failure:
            self._skip(failure.within(f"prediction {number}"))
            return False
        return True

    def _skip(self, flaw: InvalidRowError, num_rows: int = 1) -> None:
        """Count skipped rows, or raise."""
        if not self._skip_invalid:
            raise flaw
        self.skipped[flaw.reason] += num_rows


def _find_flaw(video_id: str, value: object, known: Container[str]) -> InvalidRowError | None:
    """Return what is wrong with a video as a whole, if anything."""
    try:
        validate_video_id(video_id, MalformedError)
    except MalformedError:
        return InvalidRowError("video id is not a plain file name")
    if video_id in known:
        return InvalidRowError(_REPEATED)
    if not isinstance(value, list):
        return InvalidRowError(
            "entry of a video is not a list", f"is not a list of predictions but a JSON {json_type(value)}"
        )
    return None


def _join(blocks: list[Rows]) -> Detections:
    """Return the rows of a video as tensors."""
    if len(blocks) == 1:
        return Detections(*map(torch.from_numpy, blocks[0]))
    columns = zip(*(blocks or [convert_rows([], LabelTable())]), strict=True)
    return Detections(*(torch.from_numpy(np.concatenate(column)) for column in columns))
