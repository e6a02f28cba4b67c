"""Which encoder writes the videos of this package."""

from __future__ import annotations

from aher_lightning.errors import VideoError

_NAMES = ("libx264", "libopenh264")


def choose_encoder() -> str:
    """Return the name of an H.264 encoder that PyAV has.

    Returns:
        "libx264" if available, else "libopenh264".

    Raises:
        VideoError: If PyAV was built without either.
    """
    import av

    for name in _NAMES:
        if name in av.codecs_available:
            return name
    raise VideoError("PyAV has no H.264 encoder here; install its binary wheel by `pip install --force-reinstall av`")
