"""Safe file names for clips, from arbitrary names of categories and videos."""

from __future__ import annotations

import hashlib

_UNSAFE = set('/\\:*?"<>|%')
"""What separates folders or is refused by some system, and the escape character."""

_LONGEST_BYTES = 120
"""Leaves room for times and suffixes below the usual limit of 255."""


def safe_name(name: str) -> str:
    """Return a file or folder name that is unique for a name and stays in its folder.

    Unsafe characters are percent-encoded, and so are dots and spaces at either end, which would hide a file or be lost.
    Names that are too long are cut and end in a hash.

    Args:
        name: Name of a category or a video; not empty.

    Returns:
        A file name of at most 120 bytes.

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
    """Return the file name of a clip.

    Args:
        video: Name of the video, without its ending.
        start_sec: Start in seconds.
        end_sec: End in seconds.
        number: Its number among clips of the same name, from 1.

    Returns:
        The name, with times to hundredths of a second.

    Example:
        >>> clip_name("v1", 1.5, 64.0), clip_name("v1", 1.5, 64.0, 2)
        ('v1_1.50-64.00.mp4', 'v1_1.50-64.00_2.mp4')
    """
    suffix = f"_{number}" if number > 1 else ""
    return f"{safe_name(video)}_{start_sec:.2f}-{end_sec:.2f}{suffix}.mp4"


def _is_unsafe(letter: str) -> bool:
    """Whether a letter is not allowed anywhere in a file name."""
    return letter in _UNSAFE or not (letter.isprintable() or letter == "\N{ZERO WIDTH JOINER}")


def _encode(letter: str) -> str:
    """A letter, percent-encoded."""
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
