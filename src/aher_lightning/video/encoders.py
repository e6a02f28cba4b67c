"""Which encoder writes the videos of this package."""

from __future__ import annotations

from aher_lightning.errors import VideoError

_NAMES = ("libx264", "libopenh264")


def choose_encoder() -> str:
    """Return the name of the H.264 encoder that PyAV offers here.

    Returns:
        "libx264" where it exists, else "libopenh264".

    Raises:
        VideoError: If PyAV was built without either.
    """
    import av

    for name in _NAMES:
        if name in av.codecs_available:
            return name
    raise VideoError("PyAV has no H.264 encoder here: install its binary wheel with `pip install --force-reinstall av`")
