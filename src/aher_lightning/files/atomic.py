"""Files and folders that appear whole or not at all, even if the process is killed or the machine stops."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from aher_lightning.errors import AherError
from aher_lightning.files.owners import partial_owner, partial_path

_REMEDY = "choose another place"


@contextmanager
def atomic_file(
    path: Path, error: type[AherError], *, also: tuple[type[Exception], ...] = (), remedy: str = _REMEDY
) -> Iterator[Path]:
    """Yield a partial file to write, which replaces ``path`` at the end of the context.

    Readers see the old content or the new, never a part. A link stays, and the file that it points to is replaced.
    A device or a pipe is never replaced. Missing parent folders are made.

    Args:
        path: File to write or to replace.
        error: What to raise.
        also: What a library raises besides ``OSError`` when it cannot write.
        remedy: What to do if the file cannot be written, for the message.

    Yields:
        Where to write; close the file within the context.

    Raises:
        AherError: As ``error``, if the file cannot be written.
    """
    target = path.resolve()
    if target.exists() and not target.is_file() and not target.is_dir():
        raise error(f"{path}: is not a regular file; choose another place")
    partial = partial_path(target)
    with write_errors(path, error, also=also, remedy=remedy):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            _sync(partial)
            partial.replace(target)
            _sync(target.parent)
        finally:
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str, error: type[AherError]) -> None:
    """Write a UTF-8 text file through :func:`atomic_file`; line ends stay unchanged."""
    with atomic_file(path, error) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def create_text(path: Path, text: str, error: type[AherError]) -> bool:
    """Create a UTF-8 text file with its content, unless it exists; return whether it was created.

    A hard link is atomic on network file systems too, and unlike a file opened for exclusive creation it never exists
    without its content. That is only the fallback where there are no hard links.

    Args:
        path: File to create; missing parent folders are made.
        text: Its content.
        error: What to raise.

    Raises:
        AherError: As ``error``, if the file cannot be written.
    """
    partial = partial_path(path)
    with write_errors(path, error):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(text, encoding="utf-8", newline="\n")
            _sync(partial)
            return _link(partial, path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, error: type[AherError], *, replaces: Collection[str] = ()) -> Iterator[Path]:
    """Yield an empty folder to fill, which becomes ``path`` at the end of the context.

    Args:
        path: Folder to make; missing parents are made too.
        error: What to raise.
        replaces: Names of files that an existing folder may lose; a folder that holds anything else is kept.

    Yields:
        The folder to fill, beside ``path``; removed if anything fails.

    Raises:
        AherError: As ``error``, if an existing folder must not be replaced, or the folder cannot be written.
    """
    target = path.resolve()
    if target.exists() and not target.is_dir():
        raise error(f"{path}: is a file; name a folder")
    present = sorted(entry.name for entry in target.iterdir()) if target.is_dir() else []
    if present and not replaces:
        raise error(f"{path}: already exists; name another folder, or add --overwrite to replace it")
    if foreign := [name for name in present if name not in replaces]:
        raise error(f"{path}: holds '{foreign[0]}', which is not part of such an export; name another folder")
    partial, old = partial_path(target), partial_path(target)
    try:
        with write_errors(path, error):
            partial.mkdir(parents=True)
            yield partial
            if target.is_dir():
                target.rename(old)
            partial.rename(target)
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def write_errors(
    path: Path, error: type[AherError], *, also: tuple[type[Exception], ...] = (), remedy: str = _REMEDY
) -> Iterator[None]:
    """Raise a one-line ``error`` that names the file in place of any ``OSError``, or exception of ``also``."""
    kinds: tuple[type[Exception], ...] = (OSError, *also)
    try:
        yield
    except kinds as failure:
        reason = getattr(failure, "strerror", None) or " ".join(str(failure).split())
        raise error(f"{path}: cannot be written ({reason:.100}); {remedy}") from None


def remove_partial_files(folder: Path) -> list[Path]:
    """Remove what killed writers left in a folder, and return it; call it only while no process is writing."""
    found = sorted(path for path in folder.glob(".*") if partial_owner(path) is not None and path.is_file())
    for path in found:
        path.unlink(missing_ok=True)
    return found


def _link(partial: Path, path: Path) -> bool:
    """Give a written file its name, unless another file has it."""
    try:
        os.link(partial, path)
    except FileExistsError:
        return path.exists() and path.samefile(partial)  # ours, if the answer of a network file system was lost
    except OSError:  # no hard links there
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(partial.read_text(encoding="utf-8"))
        except FileExistsError:
            return False
    return True


def _sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to disk; elsewhere than on POSIX the system flushes folders itself."""
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as failure:
        if failure.errno != errno.EINVAL:  # that of a folder on some network file systems
            raise
    finally:
        os.close(descriptor)
