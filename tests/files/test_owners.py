from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from aher_lightning.files import owners as file_owners
from aher_lightning.files.owners import (
    Owner,
    file_clock,
    partial_owner,
    partial_path,
    read_or_none,
    this_process,
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
    assert partial_owner(path) == this_process()
    assert path != partial_path(tmp_path / "a.npy")
    assert partial_owner(tmp_path / ".123.tmp") is partial_owner(path.with_name(path.name[1:])) is None


def test_the_clock_of_a_folder(tmp_path: Path) -> None:
    assert abs(file_clock(tmp_path) - time.time()) < 60
    assert names(tmp_path) == []
    assert read_or_none(tmp_path / "none") is None


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
