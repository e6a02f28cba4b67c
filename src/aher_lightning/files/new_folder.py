"""Folders that appear as a whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from aher_lightning.errors import AherError


@contextmanager
def new_folder(target: Path, error: type[AherError], *, replaces: Collection[str] = ()) -> Iterator[Path]:
    """Give an empty folder to fill, which takes the place of the target once it is complete.

    Args:
        target: The folder to make; missing parents are made too.
        error: What to raise.
        replaces: Names of the files that a folder which is there may lose; one that holds anything else is kept.

    Yields:
        The folder to fill, beside the target; it is removed if anything fails.

    Raises:
        AherError: Of the given type, if something is there that must not be replaced, or the disk refuses.
    """
    if target.exists() and not target.is_dir():
        raise error(f"{target}: is a file; name a folder")
    present = sorted(path.name for path in target.iterdir()) if target.is_dir() else []
    if present and not replaces:
        raise error(f"{target}: is there already; name another folder, or add --overwrite to replace it")
    if foreign := [name for name in present if name not in replaces]:
        raise error(f"{target}: would lose '{foreign[0]}', which is not of an export like this; name another folder")
    partial = target.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        partial.mkdir(parents=True)
        yield partial
        if target.is_dir():
            old = target.with_name(f".{secrets.token_hex(6)}.tmp")
            target.rename(old)
            partial.rename(target)
            shutil.rmtree(old)
        else:
            partial.rename(target)
    except OSError as failure:
        raise error(f"{target}: cannot be written ({failure.strerror or failure}); choose another place") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
