"""Video files as a source of snippets, decoded on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aher_lightning.errors import DataError
from aher_lightning.files.video_files import find_by_stem, list_videos
from aher_lightning.ops.spans import place_snippets
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.clips import clips_from_frames, count_clips, delay_clips, frame_times
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.frame_source import FrameSource
from aher_lightning.video.reader import VideoReader

_ROUNDING_SEC = 1e-6
"""Rounding tolerance for the time of a frame."""


class VideoFolder:
    """Source of pixel clips of videos.

    The clips of a span are those of the grid of the whole video whose centres lie in it, exactly as in a feature store
    of the same contract, so that training from pixels and from features agree.

    Args:
        paths: Video file by id.
        contract: How frames become snippets.
        reader: Decodes videos; ``None`` takes the default of :class:`FrameSource`.
        cache_frames: Whether to keep the resized frames of all videos in memory, for small data sets.
        time_limit_sec: If given, videos are probed and decoded in child processes, with this limit for each; see
            :class:`~aher_lightning.video.frame_source.FrameSource`.

    Raises:
        ConfigError: If the time limit is not positive.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        contract: TemporalContract,
        *,
        reader: VideoReader | None = None,
        cache_frames: bool = False,
        time_limit_sec: float | None = None,
    ) -> None:
        self.paths = dict(paths)
        self.contract = contract
        self.frames = FrameSource(contract, reader, time_limit_sec=time_limit_sec)
        self.cache_frames = cache_frames
        self._cached: dict[str, tuple[npt.NDArray[np.float64], Tensor]] = {}
        self._durations_sec: dict[str, float] = {}

    @property
    def video_ids(self) -> list[str]:
        """Ids of all videos."""
        return list(self.paths)

    def path(self, video_id: str) -> Path:
        """Return the file of a video; raise a ``DataError`` if there is none."""
        if video_id not in self.paths:
            raise DataError(f"video '{video_id}' has no file; add it, or remove the video from the annotations")
        return self.paths[video_id]

    def duration_sec(self, video_id: str) -> float:
        """Return the duration of a video file in seconds."""
        if video_id not in self._durations_sec:
            self._durations_sec[video_id] = self.frames.probe(self.path(video_id)).duration_sec
        return self._durations_sec[video_id]

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        """Return the clips of a span, uint8 ``(N, 3, F, H, W)``; see :meth:`SnippetSource.read`.

        Raises:
            DataError: If the video has no file.
            ValueError: If the span does not end after it starts.
            VideoError: If the file cannot be decoded, or not within the time limit.
        """
        return self.read_delayed(video_id, span_sec, 0)

    def read_delayed(self, video_id: str, span_sec: tuple[float, float] | None, delay_frames: int) -> SnippetSequence:
        """Return clips that start later than those of :meth:`read`, which raises the same errors.

        Args:
            video_id: Name of the video.
            span_sec: Start and end in seconds; ``None`` for the whole video.
            delay_frames: How much later, less than ``snippet_stride``; see
                :func:`~aher_lightning.video.clips.delay_clips`.
        """
        duration_sec = self.duration_sec(video_id)
        contract = delay_clips(self.contract, delay_frames, duration_sec)
        total = count_clips(duration_sec, contract)
        place = place_snippets(total, contract.first_centre_sec, contract.step_sec, span_sec, duration_sec)
        first = place.chosen.start * contract.snippet_stride
        last = (place.chosen.stop - 1) * contract.snippet_stride + contract.clip_length
        frames = self._read_frames(video_id, frame_times(duration_sec, contract)[first:last])
        return SnippetSequence(clips_from_frames(frames, contract), place.first_centre, place.step)

    def close(self) -> None:
        """End the child processes, also those of other threads; later reads start new ones."""
        self.frames.close()

    def _read_frames(self, video_id: str, times_sec: npt.NDArray[np.float64]) -> Tensor:
        """The frames of a video at the times of some of its clips, ``(M, 3, H, W)``."""
        if not self.cache_frames:
            return self.frames.read(self.path(video_id), times_sec.tolist())
        if video_id not in self._cached:
            all_sec = self._all_times(video_id)
            self._cached[video_id] = all_sec, self.frames.read(self.path(video_id), all_sec.tolist())
        cached_sec, frames = self._cached[video_id]
        places = np.searchsorted(cached_sec, times_sec - _ROUNDING_SEC)
        if (np.diff(places) == 1).all():
            return frames[places[0] : places[-1] + 1]  # a view
        return frames[torch.from_numpy(places)]

    def _all_times(self, video_id: str) -> npt.NDArray[np.float64]:
        """The times of all frames that clips of a video may have, whatever their delay."""
        duration_sec = self.duration_sec(video_id)
        delayed = (delay_clips(self.contract, frames, duration_sec) for frames in range(self.contract.snippet_stride))
        return np.unique(np.concatenate([frame_times(duration_sec, contract) for contract in delayed]))


def find_videos(root: Path, video_ids: Iterable[str], prefix: str = "") -> dict[str, Path]:
    """Return the existing files ``<prefix><id>`` of videos in a folder, by id.

    Raises:
        DataError: If the folder does not exist.
    """
    files = find_by_stem(root)
    return {video_id: files[prefix + video_id] for video_id in video_ids if prefix + video_id in files}


def find_same_stems(paths: Mapping[str, Path]) -> dict[str, list[Path]]:
    """Return the other video files with the stem and folder of a video, by id, for videos that have any."""
    by_stem: dict[tuple[Path, str], list[Path]] = {}
    for folder in {path.parent for path in paths.values()}:
        for path in list_videos(folder):
            by_stem.setdefault((folder, path.stem), []).append(path)
    others = {
        video_id: [other for other in by_stem.get((path.parent, path.stem), []) if other != path]
        for video_id, path in paths.items()
    }
    return {video_id: files for video_id, files in others.items() if files}
