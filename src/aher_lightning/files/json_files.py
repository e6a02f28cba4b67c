"""Strict reading and atomic writing of JSON files, and checks of parsed values."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

from aher_lightning.errors import AherError
from aher_lightning.files.atomic import write_text

_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A number as JSON writes it, also with a plus sign or zeros before it."""

_REMEDY = "repair or replace the file"


class MalformedError(ValueError):
    """What is wrong with an entry of a file; the reader of the file catches it and adds the place."""


def read_json(path: Path, error: type[AherError], *, remedy: str = _REMEDY) -> object:
    """Return the content of a JSON file, refusing what a lenient parser would silently repair.

    A key that occurs twice in one object is refused: the standard parser would keep the last value only. ``NaN`` and
    ``Infinity`` pass; callers check their numbers with :func:`finite_number`.

    Args:
        path: File to read; UTF-8, with or without byte order mark.
        error: What to raise.
        remedy: What to do about invalid JSON, for the message.

    Raises:
        AherError: As ``error``, if the file is missing, unreadable, empty or not valid JSON.

    Example:
        >>> from aher_lightning.errors import DataError
        >>> read_json(Path("missing.json"), DataError)
        Traceback (most recent call last):
        aher_lightning.errors.DataError: missing.json: no such file; check the path
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as failure:
        raise error(unreadable(path, failure)) from None
    except UnicodeDecodeError:
        raise error(f"{path}: is not UTF-8 text; give a JSON file") from None
    if not text.strip():
        raise error(f"{path}: is empty; give a JSON file with content")
    try:
        value: object = json.loads(text, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as failure:
        place = f"line {failure.lineno}, column {failure.colno}"
        raise error(f"{path}: is not valid JSON ({place}: {failure.msg}); {remedy}") from None
    except (ValueError, RecursionError) as failure:
        raise error(f"{path}: is not usable JSON ({failure}); {remedy}") from None
    return value


def read_json_object(path: Path, error: type[AherError], *, remedy: str = _REMEDY) -> dict[str, object]:
    """Return the content of a JSON file as :func:`read_json` does, refusing a top level that is not an object."""
    value = read_json(path, error, remedy=remedy)
    if not isinstance(value, dict):
        raise error(f"{path}: holds a JSON {json_type(value)} where an object {{...}} is expected; check the layout")
    return value


def write_json(path: Path, value: object, error: type[AherError], *, indent: int | None = None) -> None:
    """Write a JSON file through :func:`write_text`, with floats in full precision.

    Args:
        path: File to write or to replace.
        value: What the standard :mod:`json` module can write; numbers must be finite.
        error: What to raise.
        indent: Spaces per nesting level; ``None`` writes one line.

    Raises:
        AherError: As ``error``, if the file cannot be written.
        ValueError: If a number is not finite.
    """
    write_text(path, json.dumps(value, indent=indent, allow_nan=False) + "\n", error)


def check_writable(path: Path, error: type[AherError]) -> None:
    """Refuse a file that cannot be written or replaced, before work is done whose result goes there."""
    if path.is_dir():
        raise error(f"{path}: is a folder; name a file to write")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise error(f"{path}: {folder} cannot be written to; choose another place")


def append_line(path: Path, value: object, error: type[AherError], *, place: str = "place") -> None:
    """Append a value to a file of JSON lines in one write, so that the lines of several processes never mix.

    Args:
        path: File to append to; made if needed, as are missing parent folders.
        value: What the standard :mod:`json` module can write.
        error: What to raise.
        place: What to choose another of if the file cannot be written, for the message.

    Raises:
        AherError: As ``error``, if the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, f"{json.dumps(value)}\n".encode())
        finally:
            os.close(descriptor)
    except OSError as failure:
        raise error(f"{path}: cannot be written ({failure.strerror}); choose another {place}") from None


def unreadable(path: Path, failure: OSError) -> str:
    """Return the error line about a JSON file that cannot be opened or read.

    Example:
        >>> unreadable(Path("a.json"), FileNotFoundError())
        'a.json: no such file; check the path'
    """
    if isinstance(failure, FileNotFoundError):
        return f"{path}: no such file; check the path"
    return f"{path}: cannot be read ({failure.strerror}); give a readable JSON file"


def json_type(value: object) -> str:
    """Return the JSON name of the type of a parsed value, for error messages.

    Example:
        >>> json_type([1, 2]), json_type(None), json_type(True)
        ('array', 'null', 'boolean')
    """
    if value is None:
        return "null"
    # In this order, as bool is a subclass of int.
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), type(value).__name__)


def finite_number(value: object, name: str) -> float:
    """Return a parsed JSON number as float; ``true``, ``"1.5"`` and ``NaN`` are refused.

    Raises:
        MalformedError: If the value is not a number, or not finite as float; the message begins with ``name``.

    Example:
        >>> finite_number(3, "duration")
        3.0
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MalformedError(f"{name} must be a number, but is a JSON {json_type(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MalformedError(f"{name} must be finite")
    return number


def decimal_number(value: object, name: str) -> float:
    """Return a parsed JSON number as float, or a string that is exactly one finite decimal number.

    Some projects publish annotations with numbers in strings. Such a string consists of digits, optionally with a
    sign, a decimal point and an exponent; spaces, units, commas and underscores are refused.

    Raises:
        MalformedError: If the value is not such a number, or not finite as float; the message begins with ``name``.

    Example:
        >>> decimal_number("67.5", "segment start"), decimal_number(3, "segment end")
        (67.5, 3.0)
        >>> decimal_number("1:07", "segment start")
        Traceback (most recent call last):
        aher_lightning.files.json_files.MalformedError: segment start must be a number, but is the string '1:07'
    """
    if not isinstance(value, str):
        return finite_number(value, name)
    if not _DECIMAL.fullmatch(value):
        raise MalformedError(f"{name} must be a number, but is the string {value!r:.40}")
    return finite_number(float(value), name)


def number_or_null(value: float) -> float | None:
    """Return a number for JSON; ``None``, which becomes ``null``, in place of nan.

    Example:
        >>> number_or_null(0.5), number_or_null(math.nan)
        (0.5, None)
    """
    return None if math.isnan(value) else value


def repeated_key(pairs: Sequence[tuple[str, object]]) -> str:
    """Return the first key that occurs again among the pairs of an object; empty if none does.

    Example:
        >>> repeated_key([("a", 1), ("b", 2), ("b", 3), ("a", 4)])
        'b'
    """
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    return ""


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build the dictionary of an object; fail if it has a key twice."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError(f"the key {repeated_key(pairs)!r:.80} occurs twice")
    return result
