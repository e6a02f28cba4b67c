from __future__ import annotations

import pickle
import signal
import socket
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from aher_lightning.errors import VideoError
from aher_lightning.video.channel import Channel
from aher_lightning.video.isolated_worker import Outcome, Request, run, serve
from tests.helpers import isolated_functions as functions


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    here, there = (Channel(end) for end in socket.socketpair())
    yield here, there
    here.close()
    there.close()


def ask(channel: Channel, function: Callable[..., object], *arguments: object) -> None:
    channel.send(Request(pickle.dumps((function, arguments)), 60.0))


def test_requests_are_answered_until_the_owner_is_gone(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    ask(here, len, "four")
    ask(here, functions.fail, "a.mp4: bad")
    here.send(Request(pickle.dumps((functions.Unloadable(), ())), 60.0))
    ask(here, functions.lambda_result)

    received: list[object] = []

    def receive_all() -> None:
        received.extend(here.receive() for _ in range(7))
        here.close()

    # The answers are given in the main thread, as no other can set the alarm clock.
    owner = Thread(target=receive_all)
    owner.start()
    serve(there)
    owner.join()

    assert received[:2] == ["", Outcome(4)]
    assert isinstance(received[3], Outcome)
    assert isinstance(received[3].error, VideoError)
    assert "isolated_functions.py" in received[3].traceback
    assert received[4] == "KeyError: 'on the way'"
    assert isinstance(received[6], Outcome)
    assert str(received[6].error).startswith("the result cannot be sent (")
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("function", "argument", "kind", "text"),
    [
        (functions.fail, "a.mp4: bad", VideoError, "a.mp4: bad"),
        (functions.fail_with_a_bug, "key", KeyError, "'key'"),
        (functions.fail_pickily, "a.mp4", RuntimeError, "PickyError: a.mp4 is odd"),
        (functions.leave, 3, RuntimeError, "SystemExit: 3"),
    ],
)
def test_errors_keep_class_and_text_where_they_can(
    function: Callable[[object], None], argument: object, kind: type[Exception], text: str
) -> None:
    outcome = run(function, (argument,))
    assert type(outcome.error) is kind
    assert str(outcome.error) == text
    assert function.__name__ in outcome.traceback
    assert run(len, ("ab",)) == Outcome(2)
