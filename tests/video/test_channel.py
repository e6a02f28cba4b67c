from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread

import numpy as np
import pytest

from aher_lightning.video.channel import Channel


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    here, there = (Channel(end) for end in socket.socketpair())
    yield here, there
    here.close()
    there.close()


def test_values_arrive_in_order(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    values = [None, {"a": [1, 2.5]}, b"", "text", np.float64(0.25)]
    for value in values:
        here.send(value)
    assert [there.receive() for _ in values] == values
    there.send("answer")
    assert here.receive() == "answer"


@pytest.mark.parametrize("shape", [(0, 3), (5, 7), (30, 1 << 18)])
def test_arrays_arrive_and_can_be_written_into(ends: tuple[Channel, Channel], shape: tuple[int, ...]) -> None:
    here, there = ends
    sent = np.arange(np.prod(shape), dtype=np.uint8 if shape[1] > 9 else np.float32).reshape(shape)
    # What exceeds the buffers of the system is sent while it is received.
    sender = Thread(target=here.send, args=([sent, sent.T],))
    sender.start()
    received = there.receive()
    sender.join()
    assert isinstance(received, list)
    np.testing.assert_array_equal(received[0], sent)
    np.testing.assert_array_equal(received[1], sent.T)
    assert received[0].flags.writeable


def test_what_cannot_be_pickled_is_not_sent_in_part(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    with pytest.raises((AttributeError, TypeError)):
        here.send([np.zeros(3), lambda: None])
    here.send("next")
    assert there.receive() == "next"


def test_a_limit_holds_for_both_directions(ends: tuple[Channel, Channel]) -> None:
    here, _ = ends
    here.limit(0.02)
    with pytest.raises(TimeoutError):
        here.receive()
    here.limit(0.02)
    with pytest.raises(TimeoutError):
        here.send(bytes(1 << 24))
    here.limit(0.0)
    with pytest.raises(TimeoutError, match="the time limit has passed"):
        here.receive()


def test_a_limit_can_be_lifted(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    there.limit(0.0)
    there.limit(60.0)
    here.send(1)
    assert there.receive() == 1


def test_the_end_of_the_other_is_noticed(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    here.close()
    with pytest.raises(EOFError, match="the other end is closed"):
        there.receive()
    with pytest.raises(ConnectionError):
        there.send(bytes(1 << 24))


def test_an_abort_wakes_who_waits(ends: tuple[Channel, Channel]) -> None:
    here, _ = ends
    caught: list[type[BaseException]] = []

    def wait() -> None:
        try:
            here.receive()
        except EOFError as error:
            caught.append(type(error))

    waiting = Thread(target=wait)
    waiting.start()
    here.abort()
    waiting.join(5)
    assert caught == [EOFError]
    here.close()
    here.abort()
    assert not waiting.is_alive()
