"""The H.264 encoder that this package writes videos with."""

from __future__ import annotations

from aher_lightning.errors import VideoError

_NAMES = ("libx264", "libopenh264")


def choose_encoder() -> str:
    """Return "libx264" if PyAV has it, else "libopenh264"; VideoError if it has neither."""
    import av

    for name in _NAMES:
        if name in av.codecs_available:
            return name
    raise VideoError("PyAV has no H.264 encoder; install its binary wheel with `pip install --force-reinstall av`")
