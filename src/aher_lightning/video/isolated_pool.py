"""A pool of child processes for decoding, one per decoding thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TypeVar

from aher_lightning.video.isolation import IsolatedWorker

Result = TypeVar("Result")


class IsolatedPool:
    """A thread-safe pool of workers, never more than simultaneous calls; a pickled or forked copy starts its own."""

    def __init__(self) -> None:
        self._forget()
        self._is_closed = False

    def __reduce__(self) -> tuple[type[IsolatedPool], tuple[()]]:
        return type(self), ()

    def call(self, function: Callable[..., Result], *args: object, path: Path, time_limit_sec: float) -> Result:
        """Call a function in a child; see :meth:`~aher_lightning.video.isolation.IsolatedWorker.call`."""
        with self.lend(path) as worker:
            return worker.call(function, *args, path=path, time_limit_sec=time_limit_sec)

    @contextmanager
    def lend(self, path: Path) -> Iterator[IsolatedWorker]:
        """Yield an exclusive worker for several calls on a video, between which its child may keep state.

        Raises:
            RuntimeError: If the pool is closed; names ``path``.
        """
        if self._owner != os.getpid():
            self._forget()
        with self._lock:
            if self._is_closed:
                raise RuntimeError(f"{path}: reading was aborted")
            # The one used last: it may have cached the packets of this video.
            worker = self._idle.pop() if self._idle else IsolatedWorker()
            self._busy.add(worker)
        try:
            yield worker
        finally:
            self._take_back(worker)

    def close(self) -> None:
        """Stop all children for good; pending calls fail."""
        if self._owner != os.getpid():
            self._forget()
        with self._lock:
            self._is_closed = True
            idle = list(self._idle)
            self._idle.clear()
            # Each of these is closed by the call that uses it.
            for worker in self._busy:
                worker.abort()
        for worker in idle:
            worker.close()

    def _forget(self) -> None:
        """Start without workers and with a new lock: after a fork, the old ones belong to the parent process."""
        self._owner = os.getpid()
        self._lock = Lock()
        self._idle: list[IsolatedWorker] = []
        self._busy: set[IsolatedWorker] = set()

    def _take_back(self, worker: IsolatedWorker) -> None:
        """Return a worker to the pool."""
        with self._lock:
            self._busy.discard(worker)
            if not self._is_closed:
                self._idle.append(worker)
                return
        worker.close()
