"""Checks whether a video can be read from its first frame to its last."""

from __future__ import annotations

from pathlib import Path

from aher_lightning.video.reader import VideoInfo, VideoReader

_SAMPLES_PER_FRAME = 4
"""Average samples per frame at a variable rate; few frames are short enough to be missed."""


def examine_video(reader: VideoReader, path: Path, decodes: bool = False) -> VideoInfo:
    """Return facts about a readable video; VideoError if it is missing, empty, truncated, damaged or no video.

    Probing reads all packets and decodes one picture; pictures damaged further on are found only if ``decodes``.
    """
    info = reader.probe(path)
    if decodes:
        count = info.frame_count * (1 if info.has_constant_rate else _SAMPLES_PER_FRAME)
        for _ in reader.iter_frames(path, [(position + 0.5) * info.duration_sec / count for position in range(count)]):
            pass
    return info
