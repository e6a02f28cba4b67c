"""Decoding in a child process, so that a crashing or hanging decoder loses one video, not the run."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, cast

from aher_lightning.errors import AherError, ConfigError, DecoderLostError
from aher_lightning.video.channel import Channel
from aher_lightning.video.isolated_worker import START_LIMIT_SEC, Outcome, Request

Result = TypeVar("Result")

_REAP_LIMIT_SEC = 5.0
"""How long to wait for a killed process; one blocked on a lost network drive may linger in the kernel."""

_GONE = (EOFError, ConnectionError)
"""What the channel raises once the child has exited."""

_WITHOUT = "or decode in this process: leave out 'time_limit_sec'"


class IsolatedWorker:
    """Calls functions in a child process, which is started when needed and replaced when lost.

    Works in the main process, in threads, and in the daemonic processes of data loaders: the child is a plain
    subprocess, which imports the function itself and decodes with one thread. It exits with its owner, even if that is
    killed. Not thread-safe, except for :meth:`abort`. Linux and macOS.
    """

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._is_aborted = False

    def call(self, function: Callable[..., Result], *args: object, path: Path, time_limit_sec: float) -> Result:
        """Call a function in the child.

        Args:
            function: Importable, as are the types of its arguments.
            *args: Its arguments; large arguments and results should be arrays.
            path: The video that it works on, for messages.
            time_limit_sec: Limit in seconds, without the start of the child.

        Raises:
            DecoderLostError: If the child crashes or exceeds the time limit; the next call starts another child.
            ConfigError: If function or arguments cannot be sent to the child, or the child cannot be started.
            RuntimeError: If the worker is aborted, before or during the call.
            Exception: What the function raises.
        """
        request = Request(_pack(function, args), time_limit_sec)
        try:
            outcome = self._run(request, path)
        except BaseException:
            # Otherwise the next call would receive the answer to this one.
            self.close()
            raise
        if isinstance(outcome.error, AherError):
            raise outcome.error
        if outcome.error is not None:
            raise outcome.error from _RemoteError(outcome.traceback)
        return cast(Result, outcome.value)

    def abort(self) -> None:
        """Stop the child for good: a pending call in another thread fails, as do later ones."""
        # First, so that a call about to start a child sees it.
        self._is_aborted = True
        if self._child is not None:
            self._child.abort()

    def close(self) -> None:
        """Stop the child, if any; the next call starts another."""
        if self._child is not None:
            self._child.close()
        self._child = None

    def _run(self, request: Request, path: Path) -> Outcome:
        """Run a request in the child."""
        child = self._send(request, path)
        too_slow = DecoderLostError(
            f"{path}: not decoded within {request.time_limit_sec:g} s; raise 'time_limit_sec' if it is long, "
            "or convert or remove the file"
        )
        try:
            return child.outcome(request.time_limit_sec)
        except TimeoutError:
            raise too_slow from None
        except _GONE:
            self._refuse_if_aborted(path)
            ending = child.ending()
            if ending == _signal_name(signal.SIGALRM):  # the child noticed first
                raise too_slow from None
            raise DecoderLostError(f"{path}: its decoder crashed ({ending}); convert or remove the file") from None

    def _send(self, request: Request, path: Path) -> _Child:
        """Return a child that has loaded the request."""
        self._refuse_if_aborted(path)
        if self._child is not None:
            # It may have been lost since its last request, through no fault of this one.
            with suppress(*_GONE):
                self._child.load(request)
                return self._child
        self.close()
        child = self._child = _Child()
        self._refuse_if_aborted(path)
        try:
            child.load(request)
        except _GONE:
            self._refuse_if_aborted(path)
            reason = child.ending()
            raise ConfigError(f"the decoding process cannot be started ({reason}); see above, {_WITHOUT}") from None
        return child

    def _refuse_if_aborted(self, path: Path) -> None:
        """Raise if the worker was aborted."""
        if self._is_aborted:
            raise RuntimeError(f"{path}: reading was aborted")


class _RemoteError(Exception):
    """Carries the child's traceback, as the cause of the error that the caller gets."""

    def __str__(self) -> str:
        return f"\n\n{self.args[0]}"


class _Child:
    """A running child process and the channel to it.

    Attributes:
        close: Kills the child, at the latest when this object is collected or the program exits.
    """

    def __init__(self) -> None:
        here, there = socket.socketpair()
        self._channel = Channel(here)
        code = (
            f"import sys; sys.path[:] = {[str(place) for place in sys.path]!r}; "
            "from aher_lightning.video.isolated_worker import main; main()"
        )
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=there.fileno(),
                # Decoder output must not mix with results that this process prints.
                stdout=2,
                # Parallelism comes from processes, one per video.
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                # Ctrl-C reaches this process alone, which then stops its children.
                start_new_session=True,
            )
        self.close = weakref.finalize(self, _end, self._process, self._channel, os.getpid())

    def load(self, request: Request) -> None:
        """Send a request and wait until its function is loaded."""
        self._channel.limit(START_LIMIT_SEC)
        try:
            self._channel.send(request)
            reason = self._channel.receive()
        except TimeoutError:
            raise ConfigError(
                f"the decoding process did not start within {START_LIMIT_SEC:g} s; try again, {_WITHOUT}"
            ) from None
        if reason:
            raise ConfigError(
                f"the decoding process cannot import what it needs ({reason}); "
                f"define readers in an importable module, {_WITHOUT}"
            )

    def outcome(self, time_limit_sec: float) -> Outcome:
        """Wait for the outcome of the request."""
        self._channel.limit(time_limit_sec)
        return cast(Outcome, self._channel.receive())

    def abort(self) -> None:
        """Kill the child, and wake the thread waiting for it."""
        self._process.kill()
        self._channel.abort()

    def ending(self) -> str:
        """Describe how the child exited."""
        try:
            status = self._process.wait(_REAP_LIMIT_SEC)
        except subprocess.TimeoutExpired:
            return "the connection to it is closed"
        if status >= 0:
            return f"exit code {status}"
        return _signal_name(-status) + (", out of memory?" if status == -signal.SIGKILL else "")


def _end(process: subprocess.Popen[bytes], channel: Channel, owner: int) -> None:
    """Kill a running child."""
    channel.close()
    if owner != os.getpid():
        # A forked copy: the child belongs to the other process, which will wait for it.
        process.returncode = 0
        return
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_REAP_LIMIT_SEC)


def _pack(function: Callable[..., object], arguments: tuple[object, ...]) -> bytes:
    """Pickle a function and its arguments."""
    try:
        return pickle.dumps((function, arguments))
    except (pickle.PicklingError, TypeError, AttributeError) as failure:
        reason = " ".join(str(failure).split())
        raise ConfigError(
            f"the decoding process cannot be sent what it needs ({reason}); use readers that can be pickled, {_WITHOUT}"
        ) from None


def _signal_name(number: int) -> str:
    """Name of a signal."""
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:  # real-time signals have no names
        return f"signal {number}"
