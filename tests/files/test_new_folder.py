from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.errors import DataError
from aher_lightning.files.new_folder import new_folder


def fill(target: Path, text: str = "new", replaces: tuple[str, ...] = ()) -> None:
    with new_folder(target, DataError, replaces=replaces) as partial:
        (partial / "file").write_text(text)
        assert partial.parent == target.parent


def test_a_folder_appears_once_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "folder"
    with new_folder(target, DataError) as partial:
        (partial / "file").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["file"]
    assert [path.name for path in target.parent.iterdir()] == ["folder"]


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with new_folder(tmp_path / "folder", DataError, replaces=["file"]) as partial:
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
    with pytest.raises(DataError, match="folder: is there already; name another folder, or add --overwrite"):
        fill(tmp_path / "folder")
    with pytest.raises(DataError, match="folder: would lose 'other', which is not of an export like this"):
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
