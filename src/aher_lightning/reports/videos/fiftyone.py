"""Detections as a data set on disk that FiftyOne loads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from aher_lightning.errors import PredictionError
from aher_lightning.files.json_files import MalformedError, write_json
from aher_lightning.structures import Detections

_ROUNDING_FRAMES = 1e-3
"""An end that reaches less than this into a frame does not count as reaching it; absorbs the rounding of float32."""


class VideoFrames(NamedTuple):
    """Frame rate and frame count of a video.

    Attributes:
        fps: Frames per second.
        num_frames: Number of frames.
    """

    fps: float
    num_frames: int

    def support(self, start_sec: float, end_sec: float) -> tuple[int, int]:
        """Return the first and last frame of a segment, counted from 1; at least one frame, inside the video.

        Args:
            start_sec: Start in seconds.
            end_sec: End in seconds.

        Example:
            >>> VideoFrames(fps=10, num_frames=50).support(0.2, 0.5)
            (3, 5)
            >>> VideoFrames(fps=10, num_frames=50).support(4.96, 7.0)
            (50, 50)
        """
        first = math.floor(start_sec * self.fps + _ROUNDING_FRAMES) + 1
        last = math.ceil(end_sec * self.fps - _ROUNDING_FRAMES)
        first = min(max(first, 1), self.num_frames)
        return first, min(max(last, first), self.num_frames)


def export_fiftyone(
    output: Path,
    detections: Mapping[Path, Detections],
    categories: Sequence[str],
    frames: Mapping[Path, VideoFrames],
) -> None:
    """Write detections as a ``FiftyOneTemporalDetectionDataset``: ``labels.json``, and ``data.json`` with the videos.

    FiftyOne need not be installed here: it brings a database server, and its own loader reads these two files. Videos
    stay where they are, so the folder is to be loaded on a machine that sees them at the same paths::

        kind = fiftyone.types.FiftyOneTemporalDetectionDataset
        fiftyone.Dataset.from_dir("output", dataset_type=kind, data_path="data.json")

    Implements https://docs.voxel51.com/user_guide/import_datasets.html, section FiftyOneTemporalDetectionDataset.
    Times become frames (``support``), so that FiftyOne need not probe the videos. In a video of varying frame rate they
    are as exact as its average rate.

    Args:
        output: Folder to write to; made if needed.
        detections: Detections by the path of their video, segments in seconds ``(N, 2)``; may be empty.
        categories: Names that the labels index.
        frames: Frame rate and number of frames by the same paths.

    Raises:
        PredictionError: If two videos have the same name, one has no frames, a number is not finite, a label has no
            name, or a file cannot be written.
    """
    labels: dict[str, list[dict[str, object]]] = {}
    for path, found in detections.items():
        if path.stem in labels:
            raise PredictionError(
                f"{output}: two videos are named {path.stem!r:.80}; export them into different folders"
            )
        if path not in frames or frames[path].num_frames < 1 or not frames[path].fps > 0:
            raise PredictionError(f"{output}: frame rate and frame count of {path} are unknown; give both")
        try:
            labels[path.stem] = _entries(found, len(categories), frames[path])
        except MalformedError as reason:
            raise PredictionError(f"{output}: not written: video {path}: {reason}") from None
    # Names keep their extension: FiftyOne strips what follows the last dot.
    data = {path.name: str(path.resolve()) for path in detections}
    write_json(output / "data.json", data, PredictionError)
    write_json(output / "labels.json", {"classes": list(categories), "labels": labels}, PredictionError)


def _entries(found: Detections, num_categories: int, frames: VideoFrames) -> list[dict[str, object]]:
    """Return the detections of one video in FiftyOne's layout."""
    entries: list[dict[str, object]] = []
    rows = zip(*(field.detach().cpu().tolist() for field in found), strict=True)
    for number, ((start_sec, end_sec), score, label) in enumerate(rows):
        if not all(map(math.isfinite, (start_sec, end_sec, score))):
            raise MalformedError(f"detection {number}: segment or score is not finite")
        if not 0 <= label < num_categories:
            raise MalformedError(f"detection {number}: label is not among the {num_categories} categories")
        support = list(frames.support(start_sec, end_sec))
        entries.append({"label": label, "support": support, "confidence": score})
    return entries
