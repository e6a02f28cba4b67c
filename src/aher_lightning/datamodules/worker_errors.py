"""Errors of loader processes in one line, without the traceback that torch adds to their message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from traceback import clear_frames
from typing import TypeVar

from aher_lightning.errors import AherError

_T = TypeVar("_T")


def with_plain_errors(batches: Iterable[_T]) -> Iterator[_T]:
    """Yield the batches of a data loader; restore the message of an ``AherError`` of a dataset.

    torch raises the error of a loader process again with its traceback as the message, whose last line has the class
    and the original message.
    """
    try:
        yield from batches
    except AherError as error:
        lines = str(error).strip().splitlines()
        if len(lines) < 2:
            raise
        name = f"{type(error).__module__}.{type(error).__qualname__}: "
        plain = type(error)(lines[-1].removeprefix(name))
        # The frames hold the loader, whose processes would outlive it for seconds.
        clear_frames(error.__traceback__)
    else:
        return
    del batches
    raise plain
