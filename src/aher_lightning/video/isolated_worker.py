"""The process in which decoders run apart: it does what its owner sends, until there is no owner any more."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import traceback
from collections.abc import Callable
from typing import NamedTuple

from aher_lightning.video.channel import Channel

START_LIMIT_SEC = 300.0
"""How long a process may take to start and to import what a request needs; torch from a slow disk takes a while."""

GRACE_SEC = 1.0
"""How much later than the owner's limit the process ends by itself, in case that there is no owner any more."""


class Request(NamedTuple):
    """What is to be done.

    Attributes:
        content: Pickle of a function and its arguments; apart, as loading it may import much, or fail.
        time_limit_sec: How long the function may run.
    """

    content: bytes
    time_limit_sec: float


class Loaded(NamedTuple):
    """First answer to a request: the function has been imported, and its time runs."""


class Unloadable(NamedTuple):
    """First and only answer to a request whose function or arguments cannot be imported.

    Attributes:
        reason: Why, one line.
    """

    reason: str


class Returned(NamedTuple):
    """Second answer: the function has returned.

    Attributes:
        value: Its result.
    """

    value: object


class Raised(NamedTuple):
    """Second answer: the function has failed.

    Attributes:
        error: What it raised.
        traceback: Where, several lines.
    """

    error: BaseException
    traceback: str


def main() -> None:
    """Answer requests that come over standard input, a socket, until its other end is closed."""
    # What was there before may have told this process to ignore its alarm clock.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    channel = Channel(socket.socket(fileno=os.dup(0)))
    # A decoder that reads standard input must not get at the requests.
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
            answer(channel)
    except (EOFError, ConnectionError):
        return  # nobody is there to work for


def answer(channel: Channel) -> None:
    """Answer one request.

    The kernel ends this process soon after the limit, whatever it does then: the owner may be gone, and a decoder
    that is stuck in native code lets no line of Python run any more.

    Args:
        channel: Where the request comes from.

    Raises:
        EOFError: If the other end is closed.
    """
    request = channel.receive()
    if not isinstance(request, Request):
        raise TypeError(f"expected a request, but received {type(request).__name__}")
    signal.setitimer(signal.ITIMER_REAL, START_LIMIT_SEC + GRACE_SEC)
    try:
        function, arguments = pickle.loads(request.content)
    except Exception as error:  # importing runs code of others, which may raise anything
        signal.setitimer(signal.ITIMER_REAL, 0)
        channel.send(Unloadable(_one_line(error)))
        return
    channel.send(Loaded())
    signal.setitimer(signal.ITIMER_REAL, request.time_limit_sec + GRACE_SEC)
    outcome = run(function, arguments)
    signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        channel.send(outcome)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        channel.send(Raised(TypeError(f"the result cannot be sent ({_one_line(error)})"), ""))


def run(function: Callable[..., object], arguments: tuple[object, ...]) -> Returned | Raised:
    """Call a function and return what comes of it.

    Args:
        function: What to call.
        arguments: Its arguments.

    Returns:
        The result; or the error, one of class RuntimeError in place of one that cannot travel or is no ``Exception``.
    """
    try:
        return Returned(function(*arguments))
    except BaseException as error:  # the owner raises it again
        where = traceback.format_exc()
        # A decoder must not end the owner by what Python ends programs with.
        travels = isinstance(error, Exception) and _can_travel(error)
        return Raised(error if travels else RuntimeError(_one_line(error)), where)


def _can_travel(error: BaseException) -> bool:
    """Whether an error is the same after a pickle; constructors with arguments of their own prevent that."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:  # anything that it raises is the answer
        return False
    return type(copy) is type(error) and str(copy) == str(error)


def _one_line(error: BaseException) -> str:
    """Class and text of an error."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
