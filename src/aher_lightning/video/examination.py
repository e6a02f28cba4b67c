"""Whether a video can be read from its first frame to its last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aher_lightning.video.reader import VideoInfo, VideoReader

_ASKED_PER_FRAME = 4
"""Samples per frame on average if the frame rate varies; few frames are shorter than that."""


def examine_video(reader: VideoReader, path: Path, decodes: bool = False) -> VideoInfo:
    """Return facts about a video that can be read.

    Probing reads all packets and decodes one picture, which finds truncated files and other files. Damaged pictures are
    found by decoding only.

    Args:
        reader: Reads the video.
        path: The file.
        decodes: Whether to decode all frames.

    Returns:
        The facts.

    Raises:
        VideoError: If the file is missing, empty, truncated, no video, or damaged where it is decoded.
    """
    info = reader.probe(path)
    if decodes:
        for _ in reader.iter_frames(path, list(_times_of_all_frames(info))):
            pass
    return info


def _times_of_all_frames(info: VideoInfo) -> Iterator[float]:
    """Seconds at which the frames of a video are on display, one after another."""
    count = info.frame_count * (1 if info.has_constant_rate else _ASKED_PER_FRAME)
    return ((position + 0.5) * info.duration_sec / count for position in range(count))
