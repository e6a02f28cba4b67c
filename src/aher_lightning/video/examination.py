"""Whether a video can be read from its first frame to its last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aher_lightning.video.reader import VideoInfo, VideoReader

_ASKED_PER_FRAME = 4
"""How often frames of varying rate are asked for, in units of their mean rate; few of them are shorter than that."""


def examine_video(reader: VideoReader, path: Path, decodes: bool = False) -> VideoInfo:
    """Return facts about a video that can be read.

    Probing reads all packets and decodes one picture. It finds files that are cut off or no video; damage within the
    pictures is found by decoding them only.

    Args:
        reader: Reads the video.
        path: File to look at.
        decodes: Whether to decode all of it too.

    Returns:
        The facts.

    Raises:
        VideoError: If the file is missing, empty, truncated, no video, or, as far as it is decoded, damaged.
    """
    info = reader.probe(path)
    if decodes:
        for _ in reader.iter_frames(path, list(_times_of_all_frames(info))):
            pass
    return info


def _times_of_all_frames(info: VideoInfo) -> Iterator[float]:
    """Times in seconds at which, one after another, the frames of a video are on display."""
    count = info.frame_count * (1 if info.has_constant_rate else _ASKED_PER_FRAME)
    return ((position + 0.5) * info.duration_sec / count for position in range(count))
