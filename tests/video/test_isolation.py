from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest

from aher_lightning.errors import ConfigError, VideoError
from aher_lightning.video import isolation
from aher_lightning.video.isolated_worker import GRACE_SEC
from aher_lightning.video.isolation import IsolatedWorker
from tests.helpers import isolated_functions as functions

PATH = Path("a.mp4")


@pytest.fixture
def worker() -> Iterator[IsolatedWorker]:
    worker = IsolatedWorker()
    yield worker
    worker.close()


def call(worker: IsolatedWorker, function: Callable[..., object], *arguments: object, limit_sec: float = 30) -> object:
    return worker.call(function, *arguments, path=PATH, time_limit_sec=limit_sec)


def child_id(worker: IsolatedWorker) -> int:
    return worker.call(functions.process_id, path=PATH, time_limit_sec=30)


def exists(process_id: int) -> bool:
    """Whether there is such a process, if only as a zombie."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(process_id: int, limit_sec: float) -> bool:
    """Whether a process, which somebody else reaps, ends in time; a zombie that nobody reaps has ended."""
    deadline = time.monotonic() + limit_sec
    while time.monotonic() < deadline:
        status = Path(f"/proc/{process_id}/stat")
        if not exists(process_id) or (status.exists() and status.read_text().rsplit(")")[1].split()[0] == "Z"):
            return True
        time.sleep(0.02)
    return False


def test_one_child_does_one_call_after_another(worker: IsolatedWorker) -> None:
    first = child_id(worker)
    assert first != os.getpid()
    assert call(worker, max, 3, 5) == 5
    assert child_id(worker) == first
    worker.close()
    worker.close()
    assert not exists(first)
    second = child_id(worker)
    assert second != first


def test_large_arrays_go_both_ways(worker: IsolatedWorker) -> None:
    frames = worker.call(functions.rows, 50_000, 1000, path=PATH, time_limit_sec=30)
    np.testing.assert_array_equal(frames, functions.rows(50_000, 1000))
    assert frames.flags.writeable
    numbers = np.linspace(0, 1, 100_001)
    np.testing.assert_array_equal(worker.call(functions.double, numbers, path=PATH, time_limit_sec=30), 2 * numbers)


@pytest.mark.parametrize(
    ("function", "arguments", "ending"),
    [
        (functions.segfault, (), "signal SIGSEGV"),
        (functions.read_from_nowhere, (), "signal SIGSEGV"),
        (functions.exit_at_once, (3,), "exit code 3"),
        (functions.be_killed, (signal.SIGKILL,), "signal SIGKILL, out of memory?"),
        (functions.be_killed, (40,), "signal 40"),
    ],
)
def test_a_crash_is_an_error_about_the_video(
    worker: IsolatedWorker, function: Callable[..., object], arguments: tuple[int, ...], ending: str
) -> None:
    before = child_id(worker)
    with pytest.raises(VideoError) as failure:
        call(worker, function, *arguments)
    assert str(failure.value) == f"a.mp4: its decoder crashed ({ending}); convert or remove the file"
    assert not exists(before)
    assert child_id(worker) != before


def test_a_hang_in_native_code_ends_with_the_limit(worker: IsolatedWorker) -> None:
    before = child_id(worker)
    started = time.monotonic()
    with pytest.raises(VideoError, match=r"^a\.mp4: not decoded within 0\.2 s; raise 'time_limit_sec' if it is long"):
        call(worker, functions.hang_in_native_code, limit_sec=0.2)
    assert 0.2 <= time.monotonic() - started < 60  # the function hangs for ever
    assert not exists(before)
    assert child_id(worker) != before


def test_the_alarm_clock_of_the_child_counts_as_the_limit(worker: IsolatedWorker) -> None:
    with pytest.raises(VideoError, match=r"not decoded within 30 s"):
        call(worker, functions.be_killed, signal.SIGALRM)


def test_starting_the_child_does_not_count(
    worker: IsolatedWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started = time.monotonic()
    assert call(worker, functions.sleep_and_return, 0.0, 7, limit_sec=2.5) == 7
    assert time.monotonic() - started > 3


def test_what_decoders_print_does_no_harm(worker: IsolatedWorker, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(worker, functions.print_garbage) == "", "standard input must be empty"
    assert call(worker, max, 1, 2) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "garbage of libav" in printed.err
    assert "complaint of libav" in printed.err


def test_errors_come_back_and_the_child_stays(worker: IsolatedWorker) -> None:
    before = child_id(worker)
    with pytest.raises(VideoError) as ours:
        call(worker, functions.fail, "a.mp4: is damaged; replace it")
    assert type(ours.value) is VideoError
    assert str(ours.value) == "a.mp4: is damaged; replace it"
    assert ours.value.__cause__ is None
    with pytest.raises(KeyError, match="a bug") as other:
        call(worker, functions.fail_with_a_bug, "a bug")
    assert "in fail_with_a_bug" in str(other.value.__cause__)
    with pytest.raises(RuntimeError, match=r"PickyError: a\.mp4 is odd"):
        call(worker, functions.fail_pickily, "a.mp4")
    assert child_id(worker) == before


def test_what_does_not_get_into_the_child_is_told(worker: IsolatedWorker) -> None:
    with pytest.raises(ConfigError, match=r"cannot be sent what it needs \(.*\); use readers that can be pickled"):
        call(worker, lambda: None)
    with pytest.raises(ConfigError, match=r"cannot import what it needs \(KeyError: 'on the way'\); define readers in"):
        call(worker, len, functions.Unloadable())
    assert call(worker, max, 1, 2) == 2


def test_a_child_that_is_lost_between_calls_is_replaced(worker: IsolatedWorker) -> None:
    before = child_id(worker)
    os.kill(before, signal.SIGKILL)
    assert child_id(worker) != before
    assert not exists(before)


def test_a_child_that_does_not_start_is_no_fault_of_the_video(
    worker: IsolatedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ConfigError, match=r"cannot be started \(exit code 1\); see above, or decode in this process"):
        call(worker, max, 1, 2)
    monkeypatch.undo()
    monkeypatch.setattr(isolation, "START_LIMIT_SEC", 0.0)
    with pytest.raises(ConfigError, match="did not start within 0 s; try again"):
        call(worker, max, 1, 2)
    monkeypatch.undo()
    assert call(worker, max, 1, 2) == 2


def test_an_abort_from_another_thread_ends_the_call(worker: IsolatedWorker) -> None:
    before = child_id(worker)
    Timer(0.1, worker.abort).start()
    with pytest.raises(RuntimeError, match=r"a\.mp4: reading was aborted"):
        call(worker, functions.hang_in_native_code)
    assert not exists(before)
    with pytest.raises(RuntimeError, match=r"a\.mp4: reading was aborted"):
        call(worker, max, 1, 2)


def test_an_abort_while_a_child_starts_ends_the_call(worker: IsolatedWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen

    def start_and_abort(*words: Any, **options: Any) -> subprocess.Popen[bytes]:
        worker.abort()
        return start(*words, **options)

    monkeypatch.setattr(subprocess, "Popen", start_and_abort)
    with pytest.raises(RuntimeError, match=r"a\.mp4: reading was aborted"):
        call(worker, functions.hang_in_native_code)


def test_an_interrupted_call_leaves_no_answer_for_the_next(
    worker: IsolatedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = child_id(worker)
    with monkeypatch.context() as patch:
        patch.setattr("aher_lightning.video.isolation._Child.outcome", interrupt)
        with pytest.raises(KeyboardInterrupt):
            call(worker, max, 1, 2)
    assert not exists(before)
    assert call(worker, max, 3, 4) == 4


def test_the_child_ends_with_its_worker() -> None:
    worker = IsolatedWorker()
    child = child_id(worker)
    del worker
    assert not exists(child)


ORPHAN = """
from pathlib import Path
from aher_lightning.video.isolation import IsolatedWorker
from tests.helpers import isolated_functions as functions
worker = IsolatedWorker()
worker.call({call}, path=Path("a.mp4"), time_limit_sec={limit_sec})
print(worker.call(functions.process_id, path=Path("a.mp4"), time_limit_sec=30), flush=True)
input()
"""


@pytest.mark.parametrize("is_stuck", [False, True])
def test_a_child_does_not_outlive_an_owner_that_is_killed(is_stuck: bool, tmp_path: Path) -> None:
    told = tmp_path / "process_id"
    limit_sec = 1.0 if is_stuck else 30.0
    work = f"functions.hang_and_tell, {str(told)!r}" if is_stuck else "max, 1, 2"
    script = ORPHAN.format(call=work, limit_sec=limit_sec)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(place for place in sys.path if place)}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        if is_stuck:
            while not (told.exists() and told.read_text()):
                time.sleep(0.01)
        child = int(told.read_text() if is_stuck else owner.stdout.readline())
        owner.kill()
    assert wait_until_gone(child, limit_sec + GRACE_SEC + 60)
