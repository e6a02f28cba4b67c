"""Claims that divide work among processes on any number of machines, as files in a shared folder."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.errors import DataError
from aher_lightning.files.owners import (
    Owner,
    create_whole,
    file_clock,
    is_partial,
    partial_owner,
    partial_path,
    read_or_none,
    this_process,
    told_in_one_line,
)

STALE_SEC = 120.0
"""A claim untouched for so long is taken over. Well above the time for which network file systems cache attributes."""

_TOUCHES_PER_LIMIT = 6
"""How often a claim is touched within this limit."""

_ABANDONED_SEC = 600.0
"""A partial file or lock of this age was left behind; both live for seconds."""

_POLL_SEC = 0.05
"""Interval at which a lock of another process is tried again."""


class WorkClaims:
    """Claim items, one file each, so that no two live processes work on the same; use it as a context manager.

    A claim holds host, process id, start time and token of its process. Within the context a thread keeps touching
    the claims. The claim of a dead process is taken over: at once on the same machine, else once it has been untouched
    for the limit. If its process was merely suspended for so long, two work on one item; callers must tolerate that.

    Args:
        folder: Folder of the claims, created with the first one.
        stale_sec: Seconds without a touch after which a claim is taken over.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, WorkClaims(Path(folder) / "claims") as claims:
        ...     claims.take("v_1"), claims.take("v_1")
        (True, False)
    """

    def __init__(self, folder: Path, *, stale_sec: float = STALE_SEC) -> None:
        self.folder = folder
        self.stale_sec = stale_sec
        self._held: set[str] = set()
        self._stopped = threading.Event()
        self._toucher = threading.Thread(target=self._touch_until_stopped, name="claims", daemon=True)

    def __enter__(self) -> WorkClaims:
        self._toucher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._toucher.join()
        for name in sorted(self._held):
            self.release(name)

    def take(self, name: str) -> bool:
        """Claim an item, a plain file name; return False if a live process, perhaps this one, has claimed it.

        Raises:
            DataError: If the folder cannot be written.
        """
        path = self.folder / validate_video_id(name, DataError)
        if name in self._held or not acquire(path, self.stale_sec):
            return False
        self._held.add(name)
        return True

    def release(self, name: str) -> None:
        """Give up a claim, because the item is finished or abandoned."""
        self._held.discard(name)
        release(self.folder / name)

    def claimed_by_others(self) -> list[str]:
        """Return the items claimed by other live processes, sorted; release those of dead ones."""
        busy = []
        for path in _listed(self.folder):
            if path.name in self._held or is_partial(path):
                continue
            if acquire(path, self.stale_sec):
                release(path)
            else:
                busy.append(path.name)
        return sorted(busy)

    def _touch_until_stopped(self) -> None:
        """Keep the claims of this process fresh."""
        while not self._stopped.wait(self.stale_sec / _TOUCHES_PER_LIMIT):
            for name in list(self._held):
                path = self.folder / name
                with suppress(OSError):
                    if read_or_none(path) == str(this_process()):  # else another process has taken it over
                        os.utime(path)


def acquire(path: Path, stale_sec: float = _ABANDONED_SEC) -> bool:
    """Create a file that names this process as its owner; return False if a live process owns it.

    Args:
        path: The file.
        stale_sec: Seconds without a touch after which its owner counts as dead.

    Raises:
        DataError: If it cannot be written.
    """
    with told_in_one_line(path):
        return _set_aside(path, stale_sec) and create_whole(path, str(this_process()))


def release(path: Path) -> None:
    """Remove a file of :func:`acquire`, unless another process has taken it over."""
    if read_or_none(path) == str(this_process()):
        path.unlink(missing_ok=True)


@contextmanager
def exclusive(lock: Path, patience_sec: float = 0.0) -> Iterator[bool]:
    """Hold a lock file during the context, and yield whether this process owns it.

    Args:
        lock: File that one process owns at a time.
        patience_sec: How long to wait while another process owns it.

    Raises:
        DataError: If the lock cannot be written.
    """
    until = time.monotonic() + patience_sec
    while not (is_ours := acquire(lock)) and time.monotonic() < until:
        time.sleep(_POLL_SEC)
    try:
        yield is_ours
    finally:
        if is_ours:
            release(lock)


def remove_orphans(folder: Path, live_owners: set[Owner]) -> None:
    """Remove the partial files of dead processes, not of known live ones, from a folder without its subfolders."""
    orphans = []
    for path in _listed(folder):
        owner = partial_owner(path)
        if is_partial(path) and owner != this_process():
            is_live = owner in live_owners
            if (owner is not None and owner.is_gone()) or (not is_live and _is_older(path, _ABANDONED_SEC)):
                orphans.append(path)
    for path in orphans:
        path.unlink(missing_ok=True)


def owners(folder: Path) -> set[Owner]:
    """Return the owners, dead or alive, of the claims or locks in a folder."""
    texts = (read_or_none(path) for path in _listed(folder) if not is_partial(path))
    return {owner for text in texts if text is not None and (owner := Owner.parse(text)) is not None}


def _set_aside(path: Path, stale_sec: float) -> bool:
    """Remove the file of a dead process; return False if its process may live."""
    text = read_or_none(path)
    if text is None:
        return True
    owner = Owner.parse(text)
    if not ((owner is not None and owner.is_gone()) or _is_older(path, stale_sec)):
        return False
    aside = partial_path(path)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return True  # another process was faster; the next to create the file owns it
    try:
        if read_or_none(aside) == text:
            return True
        # Another process has taken over in between, and its file was moved: put that back.
        with suppress(OSError):
            os.link(aside, path)
        return False
    finally:
        aside.unlink(missing_ok=True)


def _is_older(path: Path, limit_sec: float) -> bool:
    """Whether a file has been untouched for so long, by the clock of its file system."""
    try:
        return file_clock(path.parent) - path.stat().st_mtime > limit_sec
    except FileNotFoundError:
        return False


def _listed(folder: Path) -> list[Path]:
    """Entries of a folder that may not exist."""
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries]
    except FileNotFoundError:
        return []
