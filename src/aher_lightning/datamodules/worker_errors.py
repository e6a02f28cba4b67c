"""Errors of loader processes as the one line that they are, without the pages that torch puts around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from traceback import clear_frames
from typing import TypeVar

from aher_lightning.errors import AherError

_T = TypeVar("_T")


def with_plain_errors(batches: Iterable[_T]) -> Iterator[_T]:
    """Yield batches; an error that the user can mend comes out with its own message alone.

    torch raises the error of a loader process again with the traceback as its message, the last line of which is the
    name of the error and what it said.

    Args:
        batches: What a data loader yields.

    Yields:
        The same batches.

    Raises:
        AherError: What a dataset raised.
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
