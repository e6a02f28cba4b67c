"""Detections whose names and numbers are hard to write down."""

from __future__ import annotations

import numpy as np

from aher_lightning.reports.videos.detection_rows import DetectionRow

HARD_LABELS = (
    "wave",
    "long jump, high",
    'say "hi"',
    "'quoted",
    "a\\b/c",
    "<b>",
    "<i>bold</b>",
    "</script><img src=x onerror=alert(1)>",
    "-->",
    "00:00:01,000 --> 00:00:02,000",
    "{\\an8}",
    "<\u200b>\u200b{\u200b\u200b>",
    "&",
    "&amp;lt; &#10;",
    "wave (0.5000)",
    "=1+1",
    "1",
    "Приве́т, 走る 🏃‍♀️",
    "a\u00a0b\u200cc",
    "NOTE",
    "WEBVTT",
)
"""Names that must survive every file."""

LOST_LABELS = ("", " ", " wave", "wave\u00a0", "a\nb", "a\r", "a\x00", "a\x85b", "a\u2028b", "\ud800", "\t")
"""Names that no line of text can hold."""


def hard_rows() -> list[DetectionRow]:
    """Return one detection per hard name, in random order of time; many overlap."""
    random = np.random.default_rng(0)
    rows = []
    for label in HARD_LABELS:
        start, length, score = random.random(3).tolist()
        rows.append(DetectionRow(label, score * 1e-3, 5000 * start, 5000 * start + 900 * length + 0.01))
    return rows
