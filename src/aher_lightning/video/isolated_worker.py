"""The child process in which decoders run: it does what its owner asks until the owner is gone."""

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
"""How long a child may take to start and to import what a request needs; torch from a slow disk takes a while."""

GRACE_SEC = 1.0
"""How much later than the owner's limit the child ends by itself, in case the owner is gone."""


class Request(NamedTuple):
    """What is to be done.

    Attributes:
        content: Pickle of a function and its arguments; separate, as loading it may import much, or fail.
        time_limit_sec: How long the function may run.
    """

    content: bytes
    time_limit_sec: float


class Outcome(NamedTuple):
    """What came of a request.

    Attributes:
        value: What the function returned.
        error: What it raised, if anything.
        traceback: Where it raised that.
    """

    value: object
    error: BaseException | None = None
    traceback: str = ""


def main() -> None:
    """Answer requests that come over standard input, a socket, until its other end is closed."""
    # The parent process may have disabled the alarm clock.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    channel = Channel(socket.socket(fileno=os.dup(0)))
    # A decoder that reads standard input must not consume requests.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    serve(channel)
    # At once: threads of a decoder may be stuck, and nothing is left to be saved.
    os._exit(0)


def serve(channel: Channel) -> None:
    """Answer requests until the other end is closed.

    Args:
        channel: Where requests come from.
    """
    try:
        while True:
            _answer(channel)
    except (EOFError, ConnectionError):
        return  # the owner is gone


def run(function: Callable[..., object], arguments: tuple[object, ...]) -> Outcome:
    """Call a function and catch whatever it raises.

    Args:
        function: What to call.
        arguments: Its arguments.

    Returns:
        The result or the error; a RuntimeError in place of one that cannot be pickled or is no ``Exception``.
    """
    try:
        return Outcome(function(*arguments))
    except BaseException as error:  # the owner raises it again
        # What ends a Python program must not end the owner.
        travels = isinstance(error, Exception) and _can_travel(error)
        return Outcome(None, error if travels else RuntimeError(_one_line(error)), traceback.format_exc())


def _answer(channel: Channel) -> None:
    """Answer one request: first an empty text once it is loaded, or why it cannot be, and then its outcome.

    The kernel ends this process soon after the limit in any case: the owner may be gone, and a decoder that is stuck in
    native code stops all Python code.
    """
    request = cast(Request, channel.receive())
    signal.setitimer(signal.ITIMER_REAL, START_LIMIT_SEC + GRACE_SEC)
    try:
        function, arguments = pickle.loads(request.content)
    except Exception as error:  # importing runs foreign code, which may raise anything
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


def _can_travel(error: BaseException) -> bool:
    """Whether an error survives pickling, which constructors with arguments of their own prevent."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:  # anything that it raises is the answer
        return False
    return type(copy) is type(error) and str(copy) == str(error)


def _one_line(error: BaseException) -> str:
    """Class and text of an error."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
