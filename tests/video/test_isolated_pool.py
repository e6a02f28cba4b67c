from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from aher_lightning.errors import DecoderLostError, VideoError
from aher_lightning.video.isolated_pool import IsolatedPool
from tests.helpers import isolated_functions as functions

PATH = Path("a.mp4")


def call(pool: IsolatedPool, function: Callable[..., object], *arguments: object) -> object:
    return pool.call(function, *arguments, path=PATH, time_limit_sec=30)


def child_id(pool: IsolatedPool) -> int:
    return pool.call(functions.process_id, path=PATH, time_limit_sec=30)


def exists(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_caller_has_one_child() -> None:
    with closing(IsolatedPool()) as pool:
        first = child_id(pool)
        with pytest.raises(VideoError, match="is bad"):
            call(pool, functions.fail, "a.mp4: is bad")
        assert child_id(pool) == first
    assert not exists(first)


def test_threads_work_at_once_in_children_of_their_own() -> None:
    with closing(IsolatedPool()) as pool, ThreadPoolExecutor(3) as executor:
        # Each waits for the other two, which it could not do in one process.
        numbers = list(executor.map(lambda value: call(pool, functions.sleep_and_return, 0.3, value), range(9)))
        children = set(executor.map(lambda _: child_id(pool), range(9)))
        assert numbers == list(range(9))
        assert 1 <= len(children) <= 3
    assert not any(exists(child) for child in children)


def test_a_crash_costs_one_call() -> None:
    with closing(IsolatedPool()) as pool, ThreadPoolExecutor(2) as executor:
        futures = [
            executor.submit(call, pool, *work)
            for work in ((max, 1, 2), (functions.segfault,), (max, 3, 4), (functions.segfault,), (max, 5, 6))
        ]
        failures = [future.exception() for future in futures]
        assert [future.result() for future in futures[::2]] == [2, 4, 6]
        assert [type(failure) for failure in failures[1::2]] == [DecoderLostError, DecoderLostError]


def test_closing_ends_calls_that_wait_and_refuses_others() -> None:
    pool = IsolatedPool()
    idle = child_id(pool)
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(call, pool, functions.hang_in_native_code)
        time.sleep(0.2)
        started = time.monotonic()
        pool.close()
        with pytest.raises(RuntimeError, match=r"a\.mp4: reading was aborted"):
            future.result()
        assert time.monotonic() - started < 25  # the limit is 30
    assert not exists(idle)
    with pytest.raises(RuntimeError, match=r"a\.mp4: reading was aborted"):
        call(pool, max, 1, 2)
    pool.close()


def test_a_pickled_copy_has_children_of_its_own() -> None:
    with closing(IsolatedPool()) as pool:
        child = child_id(pool)
        with closing(pickle.loads(pickle.dumps(pool))) as other:
            assert child_id(other) != child
        assert child_id(pool) == child


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("is_locked", [False, True])
def test_a_forked_copy_has_children_of_its_own(is_locked: bool) -> None:
    with closing(IsolatedPool()) as pool:
        child = child_id(pool)
        reader, writer = os.pipe()
        if is_locked:  # as another thread may have it at that moment
            pool._lock.acquire()
        forked = os.fork()
        if forked == 0:
            own = child_id(pool)
            pool.close()
            os.write(writer, str(own).encode())
            os._exit(0)
        if is_locked:
            pool._lock.release()
        own = int(os.read(reader, 100))
        assert os.waitpid(forked, 0)[1] == 0
        os.close(reader)
        os.close(writer)
        assert own != child
        assert not exists(own)
        assert child_id(pool) == child


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_closing_a_forked_copy_leaves_the_original_alone() -> None:
    with closing(IsolatedPool()) as pool:
        child = child_id(pool)
        forked = os.fork()
        if forked == 0:
            pool.close()
            os._exit(0)
        assert os.waitpid(forked, 0)[1] == 0
        assert child_id(pool) == child
