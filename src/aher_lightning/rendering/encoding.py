"""Encoding: frames to an H.264 mp4 file."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from aher_lightning.rendering.sprites import ByteArray
from aher_lightning.video.encoders import choose_encoder

_ENCODERS = {
    # One thread and no reordered frames: the same input always gives the same bytes.
    "libx264": {"preset": "superfast", "crf": "24", "threads": "1", "bf": "0"},
    "libopenh264": {"threads": "1"},
}


def write_video(path: Path, frames: Iterable[ByteArray], fps: int) -> int:
    """Encode frames as H.264 in MP4; frame i is shown from i / fps seconds on.

    Args:
        path: File to write, overwritten if it exists.
        frames: RGB pictures of one size with even sides, ``(height, width, 3)``; at least one.
        fps: Frames per second.

    Returns:
        Number of frames written.

    Raises:
        VideoError: If there is no H.264 encoder.
    """
    import av

    encoder = choose_encoder()
    count = 0
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(encoder, rate=fps, options=_ENCODERS[encoder])
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        stream.codec_context.thread_count = 1
        for frame in frames:
            if count == 0:
                stream.height, stream.width = frame.shape[:2]
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = count
            container.mux(stream.encode(picture))
            count += 1
        container.mux(stream.encode(None))
    return count
