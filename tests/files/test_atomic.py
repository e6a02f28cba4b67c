from __future__ import annotations

import errno
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from aher_lightning.errors import DataError
from aher_lightning.files.atomic import atomic_file, atomic_folder, create_text, remove_partial_files, write_text
from aher_lightning.files.owners import partial_owner, partial_path

FORK = multiprocessing.get_context("fork")


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def _write_half(path: Path) -> None:
    with atomic_file(path, DataError) as partial:
        partial.write_text("half of the n")
        raise RuntimeError("stop")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "old", DataError)
    with pytest.raises(RuntimeError, match="stop"):
        _write_half(path)
    assert [path.read_text(), *names(path.parent)] == ["old", "a.txt"]
    with pytest.raises(DataError, match=r"b: cannot be written \(.*\); choose another place"):
        write_text(path / "b", "", DataError)


def test_texts_are_written_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    write_text(path, "old", DataError)
    write_text(path, "Ça va\n<\u2028>\r\n", DataError)
    assert path.read_bytes().decode() == "Ça va\n<\u2028>\r\n"
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(DataError, match="cannot be written"):
        write_text(path / "below", "", DataError)


def test_a_link_stays_and_a_pipe_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("old.txt")
    write_text(tmp_path / "link.txt", "new", DataError)
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "old.txt").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match=r"pipe: is not a regular file; choose another place"):
        write_text(tmp_path / "pipe", "new", DataError)
    assert (tmp_path / "pipe").is_fifo()


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.json"

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    write_text(path, "old", DataError)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match=r"file\.json: cannot be written \(No space left on device\)"):
        write_text(path, "new", DataError)
    assert [path.read_text(), *names(tmp_path)] == ["old", "file.json"]


@pytest.mark.parametrize("has_links", [True, False])
def test_only_one_creates_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "folder" / "a"
    assert create_text(path, "first", DataError)
    assert not create_text(path, "second", DataError)
    assert not create_text(path, "first", DataError)
    assert [path.read_text(), *names(path.parent)] == ["first", "a"]
    with pytest.raises(DataError, match=r"b: cannot be written"):
        create_text(path / "b", "", DataError)


def test_a_lost_answer_of_the_file_server_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def link_and_lose(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)  # what the client does when no answer comes

    monkeypatch.setattr(os, "link", link_and_lose)
    assert create_text(tmp_path / "a", "ours", DataError)
    assert names(tmp_path) == ["a"]


def _create(path: Path, wins: object) -> None:
    if create_text(path, str(os.getpid()), DataError):
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


def test_a_killed_writer_leaves_a_file_that_names_it(tmp_path: Path) -> None:
    def write_and_die() -> None:
        with atomic_file(tmp_path / "a", DataError) as partial:
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
    others = [tmp_path / name for name in (".hidden", "notes.tmp", ".notes.tmp")]
    for path in others:
        path.touch()
    partial_path(tmp_path / "folder").mkdir()
    assert remove_partial_files(tmp_path) == [left]
    assert {*others} < {*tmp_path.iterdir()}
    assert remove_partial_files(tmp_path / "none") == []


def fill(target: Path, text: str = "new", replaces: tuple[str, ...] = ()) -> None:
    with atomic_folder(target, DataError, replaces=replaces) as partial:
        (partial / "file").write_text(text)


def test_a_folder_appears_once_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "folder"
    with atomic_folder(target, DataError) as partial:
        (partial / "file").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["file"]
    assert [path.name for path in target.parent.iterdir()] == ["folder"]


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_folder(tmp_path / "folder", DataError, replaces=["file"]) as partial:
            (partial / "file").write_text("new")
            raise ValueError("no")

    fill(tmp_path / "folder", "old")
    with pytest.raises(ValueError, match="no"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (tmp_path / "folder" / "file").read_text() == "old"


def test_what_is_there_is_replaced_only_if_asked_for(tmp_path: Path) -> None:
    fill(tmp_path / "folder", "old")
    (tmp_path / "folder" / "other").touch()
    with pytest.raises(DataError, match="folder: already exists; name another folder, or add --overwrite"):
        fill(tmp_path / "folder")
    with pytest.raises(DataError, match="folder: holds 'other', which is not part of such an export"):
        fill(tmp_path / "folder", replaces=("file", "another"))
    assert (tmp_path / "folder" / "file").read_text() == "old"
    fill(tmp_path / "folder", replaces=("file", "other"))
    assert [path.read_text() for path in (tmp_path / "folder").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_an_empty_folder_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    fill(tmp_path / "folder")
    assert (tmp_path / "folder" / "file").read_text() == "new"


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is a file; name a folder"):
        fill(tmp_path / "file", replaces=("file",))
    with pytest.raises(DataError, match="cannot be written"):
        fill(tmp_path / "file" / "folder")


def test_a_link_to_a_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    fill(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "real") == ["file"]


def test_file_systems_that_cannot_flush_folders_are_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    write_text(tmp_path / "a", "text", DataError)
    assert (tmp_path / "a").read_text() == "text"


def test_errors_of_a_library_get_one_line(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_file(tmp_path / "a", DataError, also=(RuntimeError,), remedy="try again"):
            raise RuntimeError("disk\nfull")

    with pytest.raises(DataError, match=r"a: cannot be written \(disk full\); try again$"):
        fail()
    assert names(tmp_path) == []
