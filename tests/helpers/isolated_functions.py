"""What decoders do when they go wrong, for the child processes of tests."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aher_lightning.errors import VideoError


class PickyError(Exception):
    """An error that a pickle cannot rebuild."""

    def __init__(self, path: Path, *, reason: str) -> None:
        super().__init__(f"{path} {reason}")


class Unloadable:
    """Can be pickled, but not loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return fail_with_a_bug, ("on the way",)


def process_id() -> int:
    return os.getpid()


def segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def read_from_nowhere() -> bytes:
    return ctypes.string_at(0)


def exit_at_once(code: int) -> None:
    os._exit(code)


def leave(code: int) -> None:
    sys.exit(code)


def be_killed(number: int) -> None:
    os.kill(os.getpid(), number)


def hang_in_native_code() -> None:
    """Hold the interpreter lock and never give it back."""
    ctypes.PyDLL(None).sleep(1000)


def hang_and_tell(path: str) -> None:
    """Write the id of the process to a file, then hang."""
    Path(path).write_text(str(os.getpid()))
    hang_in_native_code()


def print_garbage() -> str:
    """Write to all streams, in Python and below it."""
    sys.stdout.write("garbage\n" * 1000)
    sys.stdout.flush()
    os.write(1, b"garbage of libav\n" * 1000)
    os.write(2, b"complaint of libav\n")
    return sys.stdin.read()


def fail(message: str) -> None:
    raise VideoError(message)


def fail_with_a_bug(message: str) -> None:
    raise KeyError(message)


def fail_pickily(message: str) -> None:
    raise PickyError(Path(message), reason="is odd")


def lambda_result() -> object:
    return lambda: None


def count_threads() -> int:
    import torch

    return torch.get_num_threads()


def rows(count: int, width: int) -> npt.NDArray[np.uint8]:
    """An array in which each row has its number, modulo 256."""
    return np.repeat(np.arange(count).astype(np.uint8)[:, None], width, axis=1)


def double(array: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 2 * array


def sleep_and_return(seconds: float, value: int) -> int:
    time.sleep(seconds)
    return value
