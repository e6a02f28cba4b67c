"""Child processes for decoding, one per thread that decodes."""

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
    """Lends each call a worker that is not busy; any number of threads may call at once.

    There are never more children than simultaneous calls. A copy of the pool in another process, be it pickled or
    forked, has children of its own.
    """

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
        """Lend a worker for several calls, between which its child may remember something.

        Args:
            path: The video that it works on, for messages.

        Yields:
            A worker that nobody else has until the context is left.

        Raises:
            RuntimeError: If the pool is closed.
        """
        if self._owner != os.getpid():
            self._forget()
        with self._lock:
            if self._is_closed:
                raise RuntimeError(f"{path}: reading was aborted")
            # The one used last, as it may remember the packets of this video.
            worker = self._idle.pop() if self._idle else IsolatedWorker()
            self._busy.add(worker)
        try:
            yield worker
        finally:
            self._take_back(worker)

    def close(self) -> None:
        """End all children for good; calls that wait for one fail."""
        if self._owner != os.getpid():
            self._forget()
        with self._lock:
            self._is_closed = True
            idle = list(self._idle)
            self._idle.clear()
            # Each of these is closed by the call that has it.
            for worker in self._busy:
                worker.abort()
        for worker in idle:
            worker.close()

    def _forget(self) -> None:
        """Begin without workers: those of the process that this one was forked from are not ours, nor is the lock."""
        self._owner = os.getpid()
        self._lock = Lock()
        self._idle: list[IsolatedWorker] = []
        self._busy: set[IsolatedWorker] = set()

    def _take_back(self, worker: IsolatedWorker) -> None:
        """Let others have a worker."""
        with self._lock:
            self._busy.discard(worker)
            if not self._is_closed:
                self._idle.append(worker)
                return
        worker.close()
