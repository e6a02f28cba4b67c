"""Which process a file belongs to and whether it still runs, and files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from aher_lightning.errors import DataError

_PARTIAL_SUFFIX = ".tmp"


class Owner(NamedTuple):
    """A process, told apart from every other one on any machine, also from a later one of the same number.

    Attributes:
        host: Name of the machine, and a mark of its last start and of the container.
        pid: Number of the process there.
        started: When it started, in clock ticks since the machine did; 0 where the system does not say.
        token: Random digits.
    """

    host: str
    pid: int
    started: int
    token: str

    def __str__(self) -> str:
        return "~".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Return the process that a text names.

        Args:
            text: What ``str(owner)`` gave.

        Returns:
            The owner, or ``None`` if the text names none.

        Example:
            >>> Owner.parse("node7-1a2b3c4d~12~3456~9f8e7d6c")
            Owner(host='node7-1a2b3c4d', pid=12, started=3456, token='9f8e7d6c')
        """
        parts = text.strip().split("~")
        if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts[1:3]):
            return None
        return cls(parts[0], int(parts[1]), int(parts[2]), parts[3])

    def is_gone(self) -> bool:
        """Tell whether the process has certainly ended.

        Returns:
            False for a process of another machine: only its silence can tell.
        """
        if self.host != _host() or not 0 < self.pid < 1 << 31:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it runs, as another user
            return False
        started = _start_time(self.pid)
        # Else the number may have been given to another process since.
        return started is None or (0 not in {started, self.started} and started != self.started)


def this_process() -> Owner:
    """Return the running process as an owner."""
    return _owner(os.getpid())  # by number, as a forked process must not take its parent's name


def partial_path(path: Path) -> Path:
    """Return where this process writes a file before that takes its place.

    Args:
        path: The file to be.

    Returns:
        A hidden path beside it, new in each call, that names its owner.
    """
    return path.with_name(f".{this_process()}.{secrets.token_hex(4)}{_PARTIAL_SUFFIX}")


def partial_owner(path: Path) -> Owner | None:
    """Return whose partial file a path is.

    Args:
        path: Any path.

    Returns:
        The owner, or ``None`` if it is no partial file that names one.
    """
    name = path.name
    return Owner.parse(name[1:].removesuffix(_PARTIAL_SUFFIX).rpartition(".")[0]) if is_partial(path) else None


def is_partial(path: Path) -> bool:
    """Tell whether a path is that of a partial file, also of a writer that names no owner.

    Args:
        path: Any path.

    Returns:
        Whether its name says so.
    """
    return path.name.startswith(".") and path.name.endswith(_PARTIAL_SUFFIX)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a place to write a file, which takes the place of ``path`` at the end of the context.

    Args:
        path: File to write or to replace; missing parent folders are made.

    Yields:
        Where to write it.

    Raises:
        DataError: If it cannot be written.
    """
    partial = partial_path(path)
    with told_in_one_line(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def told_in_one_line(path: Path) -> Iterator[None]:
    """Turn what the system says about a file that cannot be written into an error that names it.

    Args:
        path: The file.

    Raises:
        DataError: In place of any ``OSError`` of the context.
    """
    try:
        yield
    except OSError as failure:
        raise DataError(f"{path}: cannot be written ({failure.strerror}); choose another place") from None


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old content or the new, never a part.

    Args:
        path: File to write or to replace, UTF-8.
        text: Its content.

    Raises:
        DataError: If it cannot be written.
    """
    with written_aside(path) as partial:
        _write(partial, text)


def create_whole(path: Path, text: str) -> bool:
    """Create a text file together with its content, unless there is one.

    A hard link is atomic on network file systems too, and unlike a file that is opened for exclusive creation it
    is never there without its content. Where there are no hard links, that is how the file is made.

    Args:
        path: File to create, UTF-8; missing parent folders are made.
        text: Its content.

    Returns:
        Whether it was created; False leaves the one that is there as it is.

    Raises:
        DataError: If it cannot be written.
    """
    partial = partial_path(path)
    with told_in_one_line(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(partial, text)
            return _link(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def read_or_none(path: Path) -> str | None:
    """Return the text of a small file, or ``None`` if there is none (any more).

    Args:
        path: File to read.

    Returns:
        Its content.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def file_clock(folder: Path) -> float:
    """Return the time on the clock that stamps the files of a folder, which may be a file server's.

    Args:
        folder: A folder that can be written.

    Returns:
        Seconds since 1970.
    """
    probe = partial_path(folder / "clock")
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    """Write a file down to the disk."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _link(partial: Path, path: Path) -> bool:
    """Give a written file its name, unless another one has it."""
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


@lru_cache(maxsize=1)
def _owner(pid: int) -> Owner:
    """The process of a number on this machine, with a new token."""
    return Owner(_host(), pid, _start_time(pid) or 0, secrets.token_hex(4))


@lru_cache(maxsize=1)
def _host() -> str:
    """What tells this machine from others; numbers of processes mean nothing after a restart or in a container."""
    marks = []
    with suppress(OSError):
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with suppress(OSError):
        marks.append(str(Path("/proc/self/ns/pid").readlink()))
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in socket.gethostname())
    return f"{name[:60]}-{hashlib.sha256(''.join(marks).encode()).hexdigest()[:8]}"


def _start_time(pid: int) -> int | None:
    """When a process of this machine started; ``None`` if it has ended, 0 if the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else int(fields[18])  # the first one here is field 4 of proc(5), this is 22
