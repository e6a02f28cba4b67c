"""Sharing work among processes on any number of machines, by files in a folder that all of them see."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from aher_lightning.annotations.activitynet import validate_video_id
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
"""A claim that nobody has touched for so long is taken over. Well above what network file systems cache times for."""

_TOUCHES_PER_LIMIT = 6
"""How often a claim is touched before it would count as abandoned."""

_ABANDONED_SEC = 600.0
"""A partial file, or a lock, so old was left behind; both live for seconds."""


class WorkClaims:
    """Claim items, one file each, so that no two living processes work on the same; use it as a context.

    A claim holds host, number, start time and token of its process. As long as the context lasts, a thread keeps
    touching the claims. Others take over the claim of a process that has died: at once on the same machine, else
    when nobody has touched it for the limit. If a process was merely silent for so long, two work on one item; who
    uses the claims must bear that.

    Args:
        folder: Where claims are kept; made with the first one.
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
        """Claim an item.

        Args:
            name: Name of the item, a plain file name.

        Returns:
            Whether it is now this process's; False if a living one, which may be this one, has it.

        Raises:
            DataError: If the folder cannot be written.
        """
        path = self.folder / validate_video_id(name, DataError)
        if name in self._held or not hold(path, self.stale_sec):
            return False
        self._held.add(name)
        return True

    def release(self, name: str) -> None:
        """Give up a claim, because the item is done or will not be.

        Args:
            name: Name of a claimed item.
        """
        self._held.discard(name)
        let_go(self.folder / name)

    def others(self) -> list[str]:
        """Return what living processes other than this one are working on, and let go of what dead ones were.

        Returns:
            Names of items, sorted.
        """
        busy = []
        for path in _listed(self.folder):
            if path.name in self._held or is_partial(path):
                continue
            if hold(path, self.stale_sec):
                let_go(path)
            else:
                busy.append(path.name)
        return sorted(busy)

    def _touch_until_stopped(self) -> None:
        """Say again and again that this process lives."""
        while not self._stopped.wait(self.stale_sec / _TOUCHES_PER_LIMIT):
            for name in list(self._held):
                path = self.folder / name
                with suppress(OSError):
                    if read_or_none(path) == str(this_process()):  # else another has taken it over
                        os.utime(path)


def hold(path: Path, stale_sec: float = _ABANDONED_SEC) -> bool:
    """Make a file that says that this process is at work, if no living process has made it.

    Args:
        path: The file.
        stale_sec: Seconds after which a file that nobody has touched belongs to a dead process.

    Returns:
        Whether the file is now this process's own.

    Raises:
        DataError: If it cannot be written.
    """
    with told_in_one_line(path):
        return _set_aside(path, stale_sec) and create_whole(path, str(this_process()))


def let_go(path: Path) -> None:
    """Remove a file of :func:`hold`, unless another process has taken it over.

    Args:
        path: The file.
    """
    if read_or_none(path) == str(this_process()):
        path.unlink(missing_ok=True)


@contextmanager
def exclusive(lock: Path) -> Iterator[bool]:
    """Yield whether this process alone may do something until the end of the context.

    Args:
        lock: File that only one process has at a time.

    Yields:
        False while another process is at it.

    Raises:
        DataError: If the lock cannot be written.
    """
    is_ours = hold(lock)
    try:
        yield is_ours
    finally:
        if is_ours:
            let_go(lock)


def remove_orphans(folder: Path, owners_at_work: set[Owner]) -> None:
    """Remove the partial files that dead processes have left in a folder.

    Args:
        folder: The folder; what is below it is left alone.
        owners_at_work: Processes on other machines that are known to live.
    """
    orphans = []
    for path in _listed(folder):
        owner = partial_owner(path)
        if is_partial(path) and owner != this_process():
            is_at_work = owner in owners_at_work
            if (owner is not None and owner.is_gone()) or (not is_at_work and _is_older(path, _ABANDONED_SEC)):
                orphans.append(path)
    for path in orphans:
        path.unlink(missing_ok=True)


def owners(folder: Path) -> set[Owner]:
    """Return the processes that claims, or locks, of a folder name.

    Args:
        folder: The folder.

    Returns:
        Owners, dead or alive.
    """
    texts = (read_or_none(path) for path in _listed(folder) if not is_partial(path))
    return {owner for text in texts if text is not None and (owner := Owner.parse(text)) is not None}


def _set_aside(path: Path, stale_sec: float) -> bool:
    """Take the file of a dead process out of the way; False if its process may live."""
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
        return True  # another process was faster; who creates the file next has it
    try:
        if read_or_none(aside) == text:
            return True
        # Another process has taken over in between, and what was moved is its file: put that back.
        with suppress(OSError):
            os.link(aside, path)
        return False
    finally:
        aside.unlink(missing_ok=True)


def _is_older(path: Path, limit_sec: float) -> bool:
    """Whether nobody has touched a file for so long, by the clock of its file system."""
    try:
        return file_clock(path.parent) - path.stat().st_mtime > limit_sec
    except FileNotFoundError:
        return False


def _listed(folder: Path) -> list[Path]:
    """What is in a folder that may not exist."""
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries]
    except FileNotFoundError:
        return []
