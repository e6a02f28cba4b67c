from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from aher_lightning.errors import DataError
from aher_lightning.files import owners as file_owners
from aher_lightning.files.owners import (
    Owner,
    create_whole,
    file_clock,
    is_partial,
    partial_owner,
    partial_path,
    read_or_none,
    this_process,
    write_whole,
    written_aside,
)

FORK = multiprocessing.get_context("fork")


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def dead_owner() -> Owner:
    """A process of this machine that has ended."""
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=lambda: sender.send(this_process()))
    process.start()
    owner = receiver.recv()
    process.join()
    assert isinstance(owner, Owner)
    return owner


def test_an_owner_is_read_from_its_text() -> None:
    owner = this_process()
    assert Owner.parse(f"{owner}\n") == owner
    assert owner.pid == os.getpid()
    assert owner == this_process()


@pytest.mark.parametrize("text", ["", "a~1~2", "a~x~2~b", "a~1~2~b~c", "a~-1~2~b", "no owner"])
def test_other_texts_name_no_owner(text: str) -> None:
    assert Owner.parse(text) is None


def test_a_process_is_gone_once_it_ended_and_not_before() -> None:
    assert not this_process().is_gone()
    owner = dead_owner()
    assert owner.host == this_process().host
    assert (owner.pid, owner.token) != (os.getpid(), this_process().token)
    assert owner.is_gone()


def test_a_process_that_nobody_has_waited_for_is_gone() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    owner = this_process()._replace(pid=pid, started=0)
    deadline = time.monotonic() + 60
    while not owner.is_gone() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert owner.is_gone()
    os.waitpid(pid, 0)


def test_the_number_of_a_dead_process_may_be_another_ones_now() -> None:
    owner = this_process()
    assert owner.started > 0
    assert owner._replace(started=owner.started - 1).is_gone()
    assert not owner._replace(started=0).is_gone()  # written where the system does not say


def test_processes_of_other_machines_and_users_may_live(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = dead_owner()
    assert not owner._replace(host="elsewhere-00000000").is_gone()
    assert not owner._replace(pid=0).is_gone()

    def deny(*_arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", deny)
    assert not owner.is_gone()


def test_partial_files_name_their_owner(tmp_path: Path) -> None:
    path = partial_path(tmp_path / "a.npy")
    assert path.parent == tmp_path
    assert is_partial(path)
    assert partial_owner(path) == this_process()
    assert path != partial_path(tmp_path / "a.npy")
    assert partial_owner(tmp_path / ".123.tmp") is None
    assert is_partial(tmp_path / ".123.tmp")
    assert not is_partial(tmp_path / "a.tmp")


def write_half(path: Path) -> None:
    with written_aside(path) as partial:
        partial.write_text("half of the n")
        raise RuntimeError("stop")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_whole(path, "old")
    with pytest.raises(RuntimeError, match="stop"):
        write_half(path)
    assert [path.read_text(), *names(path.parent)] == ["old", "a.txt"]
    with pytest.raises(DataError, match=r"b: cannot be written \(.*\); choose another place"):
        write_whole(path / "b", "")


@pytest.mark.parametrize("has_links", [True, False])
def test_only_one_creates_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "folder" / "a"
    assert create_whole(path, "first")
    assert not create_whole(path, "second")
    assert not create_whole(path, "first")
    assert [path.read_text(), *names(path.parent)] == ["first", "a"]
    with pytest.raises(DataError, match=r"b: cannot be written"):
        create_whole(path / "b", "")


def test_a_lost_answer_of_the_file_server_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def link_and_lose(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)  # what the client does when no answer comes

    monkeypatch.setattr(os, "link", link_and_lose)
    assert create_whole(tmp_path / "a", "ours")
    assert names(tmp_path) == ["a"]


def _create(path: Path, wins: object) -> None:
    if create_whole(path, str(os.getpid())):
        wins.put(os.getpid())  # type: ignore[attr-defined]


def test_of_many_processes_one_creates_the_file(tmp_path: Path) -> None:
    wins = FORK.Queue()
    processes = [FORK.Process(target=_create, args=(tmp_path / "a", wins)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "a").read_text() == str(wins.get(timeout=60))
    assert wins.empty()


def test_the_clock_of_a_folder(tmp_path: Path) -> None:
    assert abs(file_clock(tmp_path) - time.time()) < 60
    assert names(tmp_path) == []
    assert read_or_none(tmp_path / "none") is None


def test_a_killed_writer_leaves_a_file_that_names_it(tmp_path: Path) -> None:
    def write_and_die() -> None:
        with written_aside(tmp_path / "a") as partial:
            partial.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    process = FORK.Process(target=write_and_die)
    process.start()
    process.join()
    (left,) = tmp_path.iterdir()
    owner = partial_owner(left)
    assert owner is not None
    assert owner.pid == process.pid
    assert owner.is_gone()


def test_machines_differ_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, mark = this_process().host.rpartition("-")
    assert name
    assert len(mark) == 8
    file_owners._host.cache_clear()
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_options: "another start")
    try:
        assert file_owners._host().rpartition("-")[0] == name
        assert file_owners._host() != f"{name}-{mark}"
    finally:
        file_owners._host.cache_clear()
