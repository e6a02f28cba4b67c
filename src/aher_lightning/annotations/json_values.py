"""Checks of parsed JSON values in files from other programs."""

from __future__ import annotations

from aher_lightning.files.json_files import MalformedError, decimal_number, json_type


def as_object(value: object) -> dict[str, object]:
    """Return the value; raise a ``MalformedError`` unless it is a JSON object.

    Example:
        >>> as_object([])
        Traceback (most recent call last):
        aher_lightning.files.json_files.MalformedError: is a JSON array where an object is expected
    """
    if not isinstance(value, dict):
        raise MalformedError(f"is a JSON {json_type(value)} where an object is expected")
    return value


def as_list(value: object) -> list[object]:
    """Return the value; raise a ``MalformedError`` unless it is a JSON array."""
    if not isinstance(value, list):
        raise MalformedError(f"is a JSON {json_type(value)} where a list is expected")
    return value


def positive_number(value: object, name: str) -> float:
    """Return a finite number above 0, which may be written as a string; else raise a ``MalformedError``.

    Args:
        value: Result of parsing.
        name: What it is, for the message.

    Example:
        >>> positive_number("29.97", "fps")
        29.97
    """
    number = decimal_number(value, name)
    if number <= 0:
        raise MalformedError(f"{name} must be positive, but is {number}")
    return number
