"""Probed facts of the video files in a folder, by id."""

from __future__ import annotations

from pathlib import Path

from aher_lightning.files.video_files import find_by_stem
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.reader import VideoInfo, VideoReader


class VideoFacts:
    """Probe videos of a folder on demand, each once.

    Args:
        root: Folder of the videos, without its subfolders.
        reader: Probes videos; ``None`` takes an :class:`AutoReader`.

    Raises:
        DataError: If the folder does not exist.
    """

    def __init__(self, root: Path, *, reader: VideoReader | None = None) -> None:
        self._reader = reader or AutoReader()
        self._paths = find_by_stem(root)
        self._known: dict[str, VideoInfo] = {}

    def find(self, video_id: str) -> VideoInfo | None:
        """Return the probed facts of the video with this file name without extension, if there is one.

        Raises:
            VideoError: If the file is damaged.
        """
        if video_id in self._paths and video_id not in self._known:
            self._known[video_id] = self._reader.probe(self._paths[video_id])
        return self._known.get(video_id)
