"""JSON files that users hand in, and files that must never be seen half-written."""

from __future__ import annotations

import json
import math
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from aher_lightning.errors import AherError

_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A number as JSON writes it, also with a plus sign or zeros before it."""

_MEND = "mend or write the file again"


class MalformedError(ValueError):
    """What is wrong with one entry of a file; whoever reads the file catches it and adds where."""


def read_json(path: Path, error: type[AherError], *, remedy: str = _MEND) -> object:
    """Return the content of a JSON file, refusing what a lenient parser would silently mend.

    A key that occurs twice in one object is refused: the standard parser would keep the last value
    and lose the others. ``NaN`` and ``Infinity`` pass; who wants numbers checks that they are finite.

    Args:
        path: File to read; UTF-8, with or without byte order mark.
        error: What to raise.
        remedy: What to do about a file that is no valid JSON, for the message.

    Returns:
        Parsed value.

    Raises:
        AherError: As ``error``, if the file is missing, unreadable, empty or no valid JSON.

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


def read_json_object(path: Path, error: type[AherError], *, remedy: str = _MEND) -> dict[str, object]:
    """Return the content of a JSON file whose top level is an object; else as :func:`read_json`.

    Args:
        path: File to read.
        error: What to raise.
        remedy: What to do about a file that is no valid JSON, for the message.

    Returns:
        The object as a dictionary.

    Raises:
        AherError: As ``error``, if the file cannot be read or holds something else than an object.
    """
    value = read_json(path, error, remedy=remedy)
    if not isinstance(value, dict):
        raise error(f"{path}: holds a JSON {json_type(value)} where an object {{...}} is expected; check the layout")
    return value


def write_json(path: Path, value: object, error: type[AherError], *, indent: int | None = None) -> None:
    """Write a JSON file so that a reader sees the old content or the new, never a part.

    Missing parent folders are created. Floats keep full precision: reading returns the same bits.

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


def write_text(path: Path, text: str, error: type[AherError]) -> None:
    """Write a text file so that a reader sees the old content or the new, never a part.

    A link stays, and the file that it leads to is replaced. What is no file, such as a device, is never replaced.
    Missing parent folders are created.

    Args:
        path: File to write or to replace, UTF-8.
        text: Its content.
        error: What to raise.

    Raises:
        AherError: As ``error``, if the file cannot be written.
    """
    path, given = path.resolve(), path
    if path.exists() and not path.is_file() and not path.is_dir():
        raise error(f"{given}: is no ordinary file; choose another place")
    # A sibling, so that the final rename stays on one file system; the random part keeps writers apart.
    partial = path.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as failure:
        raise error(f"{given}: cannot be written ({failure.strerror}); choose another place") from None


def check_writable(path: Path, error: type[AherError]) -> None:
    """Refuse a place that cannot be written to, before work is done whose result belongs there.

    Args:
        path: File to write or to replace later.
        error: What to raise.

    Raises:
        AherError: As ``error``, if it is a folder, or the folder that it belongs into cannot be written to.
    """
    if path.is_dir():
        raise error(f"{path}: is a folder; name a file to write")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise error(f"{path}: {folder} cannot be written to; choose another place")


def append_line(path: Path, value: object, error: type[AherError], *, place: str = "place") -> None:
    """Append a value to a file of JSON lines, at once, so that the lines of several processes never mix.

    Args:
        path: File to append to; made if needed, as are missing parent folders.
        value: What the standard :mod:`json` module can write.
        error: What to raise.
        place: What to choose another one of if the file cannot be written.

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
    """Return the message for a JSON file that cannot be opened or read.

    Args:
        path: The file.
        failure: What the system said.

    Returns:
        One line with the remedy.

    Example:
        >>> unreadable(Path("a.json"), FileNotFoundError())
        'a.json: no such file; check the path'
    """
    if isinstance(failure, FileNotFoundError):
        return f"{path}: no such file; check the path"
    return f"{path}: cannot be read ({failure.strerror}); give a readable JSON file"


def json_type(value: object) -> str:
    """Return what JSON calls the type of a parsed value, for error messages.

    Args:
        value: Result of parsing.

    Returns:
        Name of the type.

    Example:
        >>> json_type([1, 2]), json_type(None), json_type(True)
        ('array', 'null', 'boolean')
    """
    if value is None:
        return "null"
    # In this order, as a boolean is an integer to Python.
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), type(value).__name__)


def finite_number(value: object, name: str) -> float:
    """Return a parsed JSON number as float; ``true``, ``"1.5"`` and ``NaN`` are none.

    Args:
        value: Result of parsing.
        name: What it is, for the message.

    Returns:
        The number.

    Raises:
        MalformedError: If the value is no number, or not finite as float.

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

    Some projects publish annotations whose numbers are strings. A string is taken for a number if it has digits, at
    most with a sign, a decimal point and an exponent, and nothing else: no space, unit, comma or underscore.

    Args:
        value: Result of parsing.
        name: What it is, for the message.

    Returns:
        The number.

    Raises:
        MalformedError: If the value is no such number, or not finite as float.

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
    """Return a number as JSON has it, which knows no nan.

    Args:
        value: A number, or nan for one that does not exist.

    Returns:
        The number; ``None``, which becomes ``null``, in place of nan.

    Example:
        >>> number_or_null(0.5), number_or_null(math.nan)
        (0.5, None)
    """
    return None if math.isnan(value) else value


def repeated_key(pairs: Sequence[tuple[str, object]]) -> str:
    """Return the first key that occurs again among the pairs of an object.

    Args:
        pairs: Keys and values in order of the file.

    Returns:
        The key; empty if none does.

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
    """Build the dictionary of an object; fail where it names a key twice."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError(f"the key {repeated_key(pairs)!r:.80} occurs twice")
    return result
