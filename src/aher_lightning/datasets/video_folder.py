"""Video files as a source of snippets: pixels decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from aher_lightning.errors import DataError
from aher_lightning.features.spans import snippets_in_span
from aher_lightning.files.video_files import find_by_stem, list_videos
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.clips import clips_from_frames, count_clips, frame_times
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.frame_source import FrameSource
from aher_lightning.video.reader import VideoReader


class VideoFolder:
    """Read pixel clips of videos.

    A span gets those snippets of the whole video's grid whose centres lie in it, exactly those that a
    feature store of the same contract would give: training from pixels and from features agree.

    Args:
        paths: Video file by id.
        contract: How frames become snippets.
        reader: Decodes videos; ``None`` chooses one by itself.
        cache_frames: Whether to keep the resized frames of every video read, for small data sets.
        time_limit_sec: If given, every video is probed and decoded in a child process, which may take so many seconds
            for each of both; see :class:`~aher_lightning.video.frame_source.FrameSource`.

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
        self._cached: dict[str, Tensor] = {}
        self._durations_sec: dict[str, float] = {}

    @property
    def video_ids(self) -> list[str]:
        """Names of all videos."""
        return list(self.paths)

    def path(self, video_id: str) -> Path:
        """Return the file of a video.

        Args:
            video_id: Name of the video.

        Returns:
            Its path.

        Raises:
            DataError: If there is none.
        """
        if video_id not in self.paths:
            raise DataError(f"video '{video_id}' has no file; add it, or leave the video out of the annotations")
        return self.paths[video_id]

    def duration_sec(self, video_id: str) -> float:
        """Return the duration of a video in seconds, as found in its file."""
        if video_id not in self._durations_sec:
            self._durations_sec[video_id] = self.frames.probe(self.path(video_id)).duration_sec
        return self._durations_sec[video_id]

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        """Return the clips whose centres lie in the span, at least one.

        Args:
            video_id: Name of the video.
            span_sec: Start and end in seconds; ``None`` for the whole video.

        Returns:
            Clips, uint8 ``(N, 3, F, H, W)``, their places normalized to the span.

        Raises:
            DataError: If the video has no file.
            VideoError: If the file cannot be decoded, or not within the time limit.
        """
        contract, duration_sec = self.contract, self.duration_sec(video_id)
        total = count_clips(duration_sec, contract)
        start_sec, end_sec = span_sec or (0.0, duration_sec)
        chosen = snippets_in_span(total, contract.first_centre_sec, contract.step_sec, (start_sec, end_sec))
        if span_sec is None:
            chosen = range(total)
        first = chosen.start * contract.snippet_stride
        last = (chosen.stop - 1) * contract.snippet_stride + contract.clip_length
        frames = self._read_frames(video_id, duration_sec, first, last)
        first_centre_sec = contract.first_centre_sec + chosen.start * contract.step_sec
        length_sec = end_sec - start_sec
        return SnippetSequence(
            values=clips_from_frames(frames, contract),
            first_centre=(first_centre_sec - start_sec) / length_sec,
            step=contract.step_sec / length_sec,
        )

    def close(self) -> None:
        """End the child processes, also those that decode for other threads; reading goes on in new ones."""
        self.frames.close()

    def _read_frames(self, video_id: str, duration_sec: float, first: int, last: int) -> Tensor:
        """Grid frames ``first`` to ``last - 1`` of a video, ``(M, 3, H, W)``."""
        times = frame_times(duration_sec, self.contract)
        if not self.cache_frames:
            return self.frames.read(self.path(video_id), times[first:last].tolist())
        if video_id not in self._cached:
            self._cached[video_id] = self.frames.read(self.path(video_id), times.tolist())
        return self._cached[video_id][first:last]


def find_videos(root: Path, video_ids: Iterable[str], prefix: str = "") -> dict[str, Path]:
    """Return the files of videos that lie in one folder, named by their ids.

    Args:
        root: Folder of the videos.
        video_ids: Names of the videos.
        prefix: What file names have before the id.

    Returns:
        File by id, for those that are there.

    Raises:
        DataError: If the folder does not exist.
    """
    files = find_by_stem(root)
    return {video_id: files[prefix + video_id] for video_id in video_ids if prefix + video_id in files}


def find_namesakes(paths: Mapping[str, Path]) -> dict[str, list[Path]]:
    """Return the video files that have the name of another one in their folder, but for the ending.

    Args:
        paths: Video file by id.

    Returns:
        By id, for those that have any, the other files.
    """
    namesakes: dict[tuple[Path, str], list[Path]] = {}
    for folder in {path.parent for path in paths.values()}:
        for path in list_videos(folder):
            namesakes.setdefault((folder, path.stem), []).append(path)
    others = {
        video_id: [other for other in namesakes.get((path.parent, path.stem), []) if other != path]
        for video_id, path in paths.items()
    }
    return {video_id: files for video_id, files in others.items() if files}
