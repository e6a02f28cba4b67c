"""The child process in which decoders run: it serves requests until its owner exits."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import traceback
from collections.abc import Callable
from typing import NamedTuple, cast

from aher_lightning.video.channel import Channel

START_LIMIT_SEC = 300.0
"""Limit for starting a child and importing what a request needs; torch loads slowly from a slow disk."""

GRACE_SEC = 1.0
"""How long after the owner's limit the child exits by itself, in case the owner is gone."""


class Request(NamedTuple):
    """A call to make.

    Attributes:
        content: Pickle of a function and its arguments; separate, as unpickling may import much, or fail.
        time_limit_sec: How long the function may run.
    """

    content: bytes
    time_limit_sec: float


class Outcome(NamedTuple):
    """The value that a request returned, or the error that it raised with its traceback."""

    value: object
    error: BaseException | None = None
    traceback: str = ""


def main() -> None:
    """Serve requests over standard input, a socket, until its other end is closed."""
    # The parent process may have blocked the alarm signal.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    channel = Channel(socket.socket(fileno=os.dup(0)))
    # A decoder that reads standard input must not consume requests.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    serve(channel)
    # Without cleanup: decoder threads may be stuck, and there is nothing to save.
    os._exit(0)


def serve(channel: Channel) -> None:
    """Answer requests until the other end is closed."""
    try:
        while True:
            _answer(channel)
    except (EOFError, ConnectionError):
        return  # the owner is gone


def run(function: Callable[..., object], arguments: tuple[object, ...]) -> Outcome:
    """Call a function; a RuntimeError replaces an error that cannot be pickled or is no ``Exception``."""
    try:
        return Outcome(function(*arguments))
    except BaseException as error:  # the owner raises it again
        # SystemExit or KeyboardInterrupt must not end the owner.
        is_sent = isinstance(error, Exception) and _survives_pickling(error)
        return Outcome(None, error if is_sent else RuntimeError(_one_line(error)), traceback.format_exc())


def _answer(channel: Channel) -> None:
    """Answer one request: send an empty text once it is loaded, or why it cannot be, and then its outcome.

    The kernel ends this process soon after the limit even if the owner is gone or native code blocks Python.
    """
    request = cast(Request, channel.receive())
    signal.setitimer(signal.ITIMER_REAL, START_LIMIT_SEC + GRACE_SEC)
    try:
        function, arguments = pickle.loads(request.content)
    except Exception as error:  # imports run foreign code, which may raise anything
        signal.setitimer(signal.ITIMER_REAL, 0)
        channel.send(_one_line(error))
        return
    channel.send("")
    signal.setitimer(signal.ITIMER_REAL, request.time_limit_sec + GRACE_SEC)
    outcome = run(function, arguments)
    signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        channel.send(outcome)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        channel.send(Outcome(None, TypeError(f"the result cannot be sent ({_one_line(error)})")))


def _survives_pickling(error: BaseException) -> bool:
    """Whether an error survives pickling, which custom constructors may prevent."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:  # foreign code, which may raise anything
        return False
    return type(copy) is type(error) and str(copy) == str(error)


def _one_line(error: BaseException) -> str:
    """Class and text of an error."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
