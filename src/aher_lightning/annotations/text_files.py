"""Plain text annotation files, as THUMOS14 and Kinetics publish them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from aher_lightning.annotations.records import Instance, InvalidPolicy, check_segment
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError


def read_lines(path: Path, expected: str) -> list[str]:
    """Return the lines of a text file, empty ones included, so that positions are line numbers.

    Args:
        path: File to read; UTF-8, with or without byte order mark.
        expected: What the file should be, for the message.

    Returns:
        Its lines, at least one of them not empty.

    Raises:
        AnnotationError: If the file is missing, unreadable, empty or not UTF-8 text.

    Example:
        >>> read_lines(Path("missing.txt"), "one category per line")
        Traceback (most recent call last):
        aher_lightning.errors.AnnotationError: missing.txt: no such file; expected one category per line
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise AnnotationError(f"{path}: no such file; expected {expected}") from None
    except OSError as failure:
        raise AnnotationError(f"{path}: cannot be read ({failure.strerror}); expected {expected}") from None
    except UnicodeDecodeError:
        raise AnnotationError(f"{path}: is not UTF-8 text; expected {expected}") from None
    if not any(line.strip() for line in lines):
        raise AnnotationError(f"{path}: is empty; expected {expected}")
    return lines


def parse_seconds(text: str) -> float:
    """Return a finite decimal number of seconds; raise a ``MalformedError`` for any other text.

    Example:
        >>> parse_seconds("12.5")
        12.5
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise MalformedError(f"{text!r:.40} is not a time in seconds")
    return seconds


def read_instances(
    path: Path, expected: str, parse: Callable[[str], tuple[str, Instance]], on_invalid: InvalidPolicy
) -> dict[str, list[Instance]]:
    """Return the instances of a file with one per line.

    Args:
        path: File to read; empty lines are skipped.
        expected: What the file should be, for the message.
        parse: Returns video id and instance of a line, or raises a ``MalformedError``.
        on_invalid: What to do with instances whose end is not after their start.

    Returns:
        Instances by video id, in the order of their lines, checked but none dropped:
        :meth:`~aher_lightning.annotations.records.AnnotatedVideo.from_entries` does that.

    Raises:
        AnnotationError: If the file is missing, or has an invalid line, which the message names.
    """
    instances: dict[str, list[Instance]] = {}
    for number, line in enumerate(read_lines(path, expected), start=1):
        if not line.strip():
            continue
        try:
            video_id, instance = parse(line)
            check_segment(instance, on_invalid)
        except MalformedError as reason:
            raise AnnotationError(f"{path}: line {number}: {reason}") from None
        instances.setdefault(video_id, []).append(instance)
    return instances
