"""Safe file names for clips, from arbitrary category and video names."""

from __future__ import annotations

import hashlib

_UNSAFE = set('/\\:*?"<>|%')
"""Characters that separate folders or are forbidden on some system, and the escape character."""

_LONGEST_BYTES = 120
"""Leaves room for times and suffixes below the usual limit of 255."""


def safe_name(name: str) -> str:
    """Return a unique file name of at most 120 bytes for a non-empty name, which cannot leave its folder.

    Unsafe characters are percent-encoded, as are dots and spaces at either end, which would hide a file or be lost.
    Long names are cut and end in a hash.

    Example:
        >>> safe_name("Hammer throw"), safe_name("../../etc"), safe_name("50%")
        ('Hammer throw', '%2E.%2F..%2Fetc', '50%25')
    """
    last = len(name) - 1
    text = "".join(
        _encode(one) if _is_unsafe(one) or (one in ". " and place in {0, last}) else one
        for place, one in enumerate(name)
    )
    if len(text.encode()) <= _LONGEST_BYTES:
        return text
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{text.encode()[: _LONGEST_BYTES - 13].decode(errors='ignore')}~{digest}"


def clip_name(video: str, start_sec: float, end_sec: float, number: int = 1) -> str:
    """Return the file name of a clip: video stem, times in seconds, and a number from 2 on if the name is taken.

    Example:
        >>> clip_name("v1", 1.5, 64.0), clip_name("v1", 1.5, 64.0, 2)
        ('v1_1.50-64.00.mp4', 'v1_1.50-64.00_2.mp4')
    """
    suffix = f"_{number}" if number > 1 else ""
    return f"{safe_name(video)}_{start_sec:.2f}-{end_sec:.2f}{suffix}.mp4"


def _is_unsafe(letter: str) -> bool:
    """Whether a letter is unsafe anywhere in a file name."""
    return letter in _UNSAFE or not (letter.isprintable() or letter == "\N{ZERO WIDTH JOINER}")


def _encode(letter: str) -> str:
    """Percent-encode a letter."""
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
