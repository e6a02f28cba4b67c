"""Decoding in a child process, so that a decoder that crashes or hangs costs one video and not the run."""

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
from aher_lightning.video.isolated_worker import START_LIMIT_SEC, Loaded, Raised, Request, Returned, Unloadable

Result = TypeVar("Result")

REAP_LIMIT_SEC = 5.0
"""How long to wait for a killed process: one that waits for a lost network drive ends when the kernel lets it."""

_GONE = (EOFError, ConnectionError)
"""What the channel says when the child has ended."""

_WITHOUT = "or decode in this process: leave out 'time_limit_sec'"


class IsolatedWorker:
    """Calls functions in a child process, which is started when it is needed and replaced when it is lost.

    Works in the main process, in threads, and in the daemonic processes of data loaders: the child is a plain
    subprocess, which imports the function anew. It decodes with one thread. A copy of the worker in another process,
    be it pickled or forked, has a child of its own. The child ends with its owner, even if that is killed. For one
    thread at a time; only :meth:`abort` may come from another one. Linux and macOS.
    """

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._close: Callable[[], object] = _nothing
        self._is_aborted = False

    def __reduce__(self) -> tuple[type[IsolatedWorker], tuple[()]]:
        return type(self), ()

    def call(self, function: Callable[..., Result], *args: object, path: Path, time_limit_sec: float) -> Result:
        """Call a function in the child.

        Args:
            function: Can be imported, as can what its arguments are made of.
            *args: Its arguments; large ones and large results should be arrays.
            path: The video that it works on, for messages.
            time_limit_sec: How long it may take; starting the child does not count.

        Returns:
            What the function returns.

        Raises:
            DecoderLostError: If the child crashes or exceeds the time limit; the next call starts another child.
            ConfigError: If function or arguments cannot get into the child, or the child cannot be started.
            RuntimeError: If the worker is aborted, before or meanwhile.
            Exception: What the function raises.
        """
        request = Request(_pack(function, args), time_limit_sec)
        try:
            outcome = self._run(request, path)
        except BaseException:
            # Whatever it was, the next answer would be one to this call.
            self.close()
            raise
        if isinstance(outcome, Raised):
            if isinstance(outcome.error, AherError):
                raise outcome.error
            raise outcome.error from _RemoteError(outcome.traceback)
        return cast(Result, outcome.value)

    def abort(self) -> None:
        """End the child for good: a call that waits for it in another thread fails, as do later ones."""
        # First, so that a call that is about to start a child sees it.
        self._is_aborted = True
        if self._child is not None:
            self._child.abort()

    def close(self) -> None:
        """End the child, if there is one; another call starts another."""
        self._close()
        self._child, self._close = None, _nothing

    def _run(self, request: Request, path: Path) -> Returned | Raised:
        """Have a request done."""
        child = self._send(request, path)
        try:
            return child.outcome(request.time_limit_sec)
        except TimeoutError:
            raise _too_slow(path, request.time_limit_sec) from None
        except _GONE:
            self._refuse_if_aborted(path)
            ending = child.ending()
            if ending == _signal_name(signal.SIGALRM):  # it has looked at the clock before this process did
                raise _too_slow(path, request.time_limit_sec) from None
            raise DecoderLostError(
                f"{path}: its decoder crashed ({ending}); convert the file again or remove it"
            ) from None

    def _send(self, request: Request, path: Path) -> _Child:
        """Return a child that has loaded the request."""
        self._refuse_if_aborted(path)
        if self._child is not None and self._child.is_ours:
            try:
                self._child.load(request)
            except _GONE:
                pass  # lost since its last request, which is no fault of this one
            else:
                return self._child
        self.close()
        child = self._child = _Child()
        # If nobody closes the worker, its child ends with the last reference to it, or with the program.
        self._close = weakref.finalize(self, child.close)
        self._refuse_if_aborted(path)
        try:
            child.load(request)
        except _GONE:
            self._refuse_if_aborted(path)
            reason = child.ending()
            raise ConfigError(f"the process for decoding cannot be started ({reason}); see above, {_WITHOUT}") from None
        return child

    def _refuse_if_aborted(self, path: Path) -> None:
        """Fail if nobody wants a result any more."""
        if self._is_aborted:
            raise RuntimeError(f"{path}: reading was given up")


class _RemoteError(Exception):
    """Shows where in the child an error was raised; the cause of the error that the caller gets."""

    def __str__(self) -> str:
        return f"\n\n{self.args[0]}"


class _Child:
    """A running child process and the channel to it."""

    def __init__(self) -> None:
        self._owner = os.getpid()
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
                # What decoders print must not get into the results that this process may print.
                stdout=2,
                # One video per process, and as many processes as wanted.
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                # Ctrl-C is for this process, which then ends its children.
                start_new_session=True,
            )

    @property
    def is_ours(self) -> bool:
        """Whether this process has started the child, and not one that this process was forked from."""
        return self._owner == os.getpid()

    def load(self, request: Request) -> None:
        """Send a request and wait until its function is loaded."""
        self._channel.limit(START_LIMIT_SEC)
        try:
            self._channel.send(request)
            reply = self._channel.receive()
        except TimeoutError:
            raise ConfigError(
                f"the process for decoding did not start within {START_LIMIT_SEC:g} s; try again, {_WITHOUT}"
            ) from None
        if isinstance(reply, Unloadable):
            raise ConfigError(
                f"the process for decoding cannot import what it needs ({reply.reason}); "
                f"define readers in a module that can be imported, {_WITHOUT}"
            )
        if not isinstance(reply, Loaded):
            raise TypeError(f"expected to hear that the request is loaded, but received {type(reply).__name__}")

    def outcome(self, time_limit_sec: float) -> Returned | Raised:
        """Wait for the outcome of the request."""
        self._channel.limit(time_limit_sec)
        reply = self._channel.receive()
        if not isinstance(reply, (Returned, Raised)):
            raise TypeError(f"expected an outcome, but received {type(reply).__name__}")
        return reply

    def abort(self) -> None:
        """Kill the child, and wake who waits for it."""
        if self.is_ours:
            self._process.kill()
            self._channel.abort()

    def ending(self) -> str:
        """Return how the child ended, which it did without being told to."""
        try:
            status = self._process.wait(REAP_LIMIT_SEC)
        except subprocess.TimeoutExpired:
            return "the connection to it is closed"
        if status >= 0:
            return f"exit code {status}"
        return _signal_name(-status) + (", out of memory?" if status == -signal.SIGKILL else "")

    def close(self) -> None:
        """Kill the child if it still runs."""
        self._channel.close()
        if not self.is_ours:
            # A copy, made by forking: the child belongs to the other process, which will wait for it.
            self._process.returncode = 0
            return
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_LIMIT_SEC)


def _pack(function: Callable[..., object], arguments: tuple[object, ...]) -> bytes:
    """Pickle a function and its arguments."""
    try:
        return pickle.dumps((function, arguments))
    except (pickle.PicklingError, TypeError, AttributeError) as failure:
        reason = " ".join(str(failure).split())
        raise ConfigError(
            f"the process for decoding cannot be sent what it needs ({reason}); use readers that can be pickled, "
            f"{_WITHOUT}"
        ) from None


def _too_slow(path: Path, time_limit_sec: float) -> DecoderLostError:
    """The error about a video that takes too long."""
    return DecoderLostError(
        f"{path}: not decoded within {time_limit_sec:g} s; raise 'time_limit_sec' if it is long, "
        "else convert the file again or remove it"
    )


def _signal_name(number: int) -> str:
    """What a signal is called."""
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:  # real-time signals have no names
        return f"signal {number}"


def _nothing() -> None:
    """Close what is not open."""
