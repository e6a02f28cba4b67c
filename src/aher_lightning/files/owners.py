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
    """A process, distinct from every other on any machine, and from a later one of the same number.

    Attributes:
        host: Name of the machine, with a hash of its boot and container.
        pid: Process number.
        started: Start time in clock ticks since boot; 0 if the system does not say.
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
        """Return the owner that ``str(owner)`` names; ``None`` for any other text.

        Example:
            >>> Owner.parse("node7-1a2b3c4d~12~3456~9f8e7d6c")
            Owner(host='node7-1a2b3c4d', pid=12, started=3456, token='9f8e7d6c')
        """
        parts = text.strip().split("~")
        if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts[1:3]):
            return None
        return cls(parts[0], int(parts[1]), int(parts[2]), parts[3])

    def is_gone(self) -> bool:
        """Tell whether the process has certainly ended; False for one of another machine: only its silence can tell."""
        if self.host != _host() or not 0 < self.pid < 1 << 31:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it runs, as another user
            return False
        started = _start_time(self.pid)
        # Otherwise another process may have the number by now.
        return started is None or (0 not in {started, self.started} and started != self.started)


def this_process() -> Owner:
    """Return the running process as an owner."""
    return _owner(os.getpid())  # by number, as a forked process must not use its parent's token


def partial_path(path: Path) -> Path:
    """Return a new hidden path beside a file that names this process; written first, then renamed."""
    return path.with_name(f".{this_process()}.{secrets.token_hex(4)}{_PARTIAL_SUFFIX}")


def partial_owner(path: Path) -> Owner | None:
    """Return the owner of a partial file; ``None`` for any other path."""
    name = path.name
    if not (name.startswith(".") and name.endswith(_PARTIAL_SUFFIX)):
        return None
    return Owner.parse(name[1:].removesuffix(_PARTIAL_SUFFIX).rpartition(".")[0])


def read_or_none(path: Path) -> str | None:
    """Return the text of a small file, or ``None`` if it is missing."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def file_clock(folder: Path) -> float:
    """Return the time, in seconds since 1970, on the clock that stamps a folder's files, maybe a file server's."""
    probe = partial_path(folder / "clock")
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _owner(pid: int) -> Owner:
    """A process of this machine, with a new token."""
    return Owner(_host(), pid, _start_time(pid) or 0, secrets.token_hex(4))


@lru_cache(maxsize=1)
def _host() -> str:
    """Name this machine, its boot and its container; process numbers mean nothing beyond these."""
    marks = []
    with suppress(OSError):
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with suppress(OSError):
        marks.append(str(Path("/proc/self/ns/pid").readlink()))
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in socket.gethostname())
    return f"{name[:60]}-{hashlib.sha256(''.join(marks).encode()).hexdigest()[:8]}"


def _start_time(pid: int) -> int | None:
    """Start time of a process of this machine; ``None`` if it has ended, 0 if the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else int(fields[18])  # the first one here is field 4 of proc(5), this is 22
