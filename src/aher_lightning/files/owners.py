"""Which process a file belongs to, and whether that process still runs."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

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
    """Return a hidden path beside a file, new in each call, that names its owner; written first, then renamed."""
    return path.with_name(f".{this_process()}.{secrets.token_hex(4)}{_PARTIAL_SUFFIX}")


def partial_owner(path: Path) -> Owner | None:
    """Return the owner of a partial file; ``None`` for any other path."""
    name = path.name
    if not (name.startswith(".") and name.endswith(_PARTIAL_SUFFIX)):
        return None
    return Owner.parse(name[1:].removesuffix(_PARTIAL_SUFFIX).rpartition(".")[0])


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
