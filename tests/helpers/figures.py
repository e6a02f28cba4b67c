"""What a figure shows, read back from its file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import matplotlib
import matplotlib.image


def svg_texts(path: Path) -> list[str]:
    """Return the texts of an SVG that was written within :func:`svg_with_texts`, in order."""
    return [unescape(text) for text in re.findall(r">([^<>]+)</text>", path.read_text(encoding="utf-8"))]


@contextmanager
def svg_with_texts() -> Iterator[None]:
    """Keep the texts of figures as texts; they are drawn as outlines otherwise."""
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        yield


def count_pixels(path: Path, colour: str) -> int:
    """Return how many pixels of an image file have a colour such as ``"#0072B2"``."""
    image = matplotlib.image.imread(path)[..., :3]
    wanted = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return int((abs(image - wanted) < 0.01).all(axis=-1).sum())
