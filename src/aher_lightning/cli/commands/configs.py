"""``aher configs``: list the shipped configurations, print one, or copy it to edit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath

from aher_lightning.cli.shipped_configs import (
    configs_folder,
    describe_config,
    find_shipped,
    list_configs,
    unknown_config,
)
from aher_lightning.console import output_console
from aher_lightning.errors import DataError, UsageError
from aher_lightning.files.atomic import create_text


def configs(name: str | None = None, *, copy: Path | None = None) -> None:
    """List the shipped configurations; print one, or copy it to a new file.

    Args:
        name: Its path in the list, such as ``variants/stage0.yaml``; the suffix may be missing.
        copy: New file to copy it to, or a folder to copy it into; an existing file is never overwritten.

    Raises:
        DataError: If the new file exists or cannot be written.
        UsageError: If there is no such configuration, or nothing to copy.
    """
    console = output_console()
    if name is None:
        if copy is not None:
            raise UsageError("'--copy' needs the name of a configuration: aher configs NAME --copy PATH")
        for line in _overview():
            console.print(line, markup=False)
        return
    path = find_shipped(name)
    if path is None:
        raise unknown_config(name, f"not among the configurations in {configs_folder()}")
    text = path.read_text(encoding="utf-8")
    if copy is None:
        console.print(text, markup=False, end="")
    else:
        console.print(f"{path} copied to {_copy(text, copy / path.name if copy.is_dir() else copy)}", markup=False)


def _overview() -> Iterator[str]:
    """The lines of the list: names as ``--config`` takes them, by folder, and what each is."""
    yield f"configurations in {configs_folder()}, for --config"
    names = list_configs()
    width = max(map(len, names))
    for folder, members in groupby(names, key=lambda one: PurePosixPath(one).parent):
        yield "" if folder == PurePosixPath() else f"\n{folder}"
        for one in members:
            yield f"  {one:<{width}}  {describe_config(configs_folder() / one)}"
    yield "\n'aher configs NAME' prints one, 'aher configs NAME --copy PATH' copies it"


def _copy(text: str, path: Path) -> Path:
    """Create a file that does not exist yet."""
    if not create_text(path, text, DataError):
        raise DataError(f"{path}: exists already; choose another place for the copy")
    return path
