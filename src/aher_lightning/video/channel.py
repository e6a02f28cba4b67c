"""Python values over a socket: how a decoding process and its owner talk."""

from __future__ import annotations

import pickle
import socket
import struct
import time

_PROTOCOL = 5
"""Of :mod:`pickle`; the first that sends the memory of arrays beside the pickle, without copying it."""

_SIZE = struct.Struct("!Q")


class Channel:
    """Sends and receives values one after another, without copying arrays into or out of a pickle.

    Both ends must trust each other, as with every pickle.

    Args:
        connection: One end of a stream; the channel closes it.

    Example:
        >>> here, there = (Channel(end) for end in socket.socketpair())
        >>> here.send({"frames": 3})
        >>> there.receive()
        {'frames': 3}
        >>> here.close()
        >>> there.receive()
        Traceback (most recent call last):
        EOFError: the other end is closed
        >>> there.close()
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline: float | None = None

    def limit(self, time_limit_sec: float) -> None:
        """Set a deadline for everything that follows.

        Args:
            time_limit_sec: Seconds from now.
        """
        self._deadline = time.monotonic() + time_limit_sec

    def send(self, value: object) -> None:
        """Send a value; nothing is sent if it cannot be pickled.

        Args:
            value: The value.

        Raises:
            OSError: If the other end is closed.
            TimeoutError: If the limit has passed.
        """
        buffers: list[pickle.PickleBuffer] = []
        content = pickle.dumps(value, _PROTOCOL, buffer_callback=buffers.append)
        parts = [memoryview(content), *(buffer.raw() for buffer in buffers)]
        sizes = b"".join(_SIZE.pack(number) for number in (len(parts), *(part.nbytes for part in parts)))
        for part in (memoryview(sizes), *parts):
            self._set_timeout()
            self._connection.sendall(part)

    def receive(self) -> object:
        """Return the next value; its arrays are writable.

        Returns:
            The value.

        Raises:
            EOFError: If the other end is closed.
            TimeoutError: If the limit has passed.
        """
        sizes = [self._receive_size() for _ in range(self._receive_size())]
        content, *buffers = [self._receive_bytes(size) for size in sizes]
        value: object = pickle.loads(content, buffers=buffers)
        return value

    def abort(self) -> None:
        """Make whoever waits for the other end stop waiting; also from another thread."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other end is already gone

    def close(self) -> None:
        """Release the socket, of which a forked process may have another copy."""
        self._connection.close()

    def _receive_size(self) -> int:
        """The next number."""
        return int(_SIZE.unpack(self._receive_bytes(_SIZE.size))[0])

    def _receive_bytes(self, size: int) -> bytearray:
        """The next ``size`` bytes."""
        content = bytearray(size)
        rest = memoryview(content)
        while rest:
            self._set_timeout()
            received = self._connection.recv_into(rest)
            if not received:
                raise EOFError("the other end is closed")
            rest = rest[received:]
        return content

    def _set_timeout(self) -> None:
        """Let the next operation take what is left until the deadline."""
        if self._deadline is not None:
            rest_sec = self._deadline - time.monotonic()
            if rest_sec <= 0:
                raise TimeoutError("the time limit has passed")
            self._connection.settimeout(rest_sec)
