import hashlib
from pathlib import Path

import numpy as np
import pytest

from aher_lightning.errors import DataError
from aher_lightning.features.arrays import file_sha256, map_array, write_array

VALUES = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    checksum = write_array(path, VALUES)
    assert np.array_equal(map_array(path), VALUES)
    assert isinstance(map_array(path), np.memmap)
    assert checksum == file_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_nothing_but_the_file_remains(tmp_path: Path) -> None:
    write_array(tmp_path / "a.npy", VALUES)
    write_array(tmp_path / "a.npy", VALUES + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
    assert np.array_equal(map_array(tmp_path / "a.npy"), VALUES + 1)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_array(tmp_path / "a.npy", VALUES)

    def fail(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(DataError, match=r"a\.npy: cannot be written \(No space left on device\); choose another place"):
        write_array(tmp_path / "a.npy", VALUES + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
    assert np.array_equal(map_array(tmp_path / "a.npy"), VALUES)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00v\x00"])
def test_damaged_files_get_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"a\.npy: is damaged .*; restore the file, or extract this video again"
    ) as caught:
        map_array(path)
    assert "\n" not in str(caught.value)


def test_cut_files_pickles_archives_and_missing_files_are_refused(tmp_path: Path) -> None:
    write_array(tmp_path / "cut.npy", VALUES)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-5])
    with pytest.raises(DataError, match=r"cut\.npy: is damaged"):
        map_array(tmp_path / "cut.npy")
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"pickle\.npy: is damaged"):
        map_array(tmp_path / "pickle.npy")
    np.savez(tmp_path / "many.npz", VALUES)
    (tmp_path / "many.npz").rename(tmp_path / "many.npy")
    with pytest.raises(DataError, match=r"many\.npy: is an archive, not a single array"):
        map_array(tmp_path / "many.npy")
    with pytest.raises(DataError, match=r"none\.npy: no such feature file"):
        map_array(tmp_path / "none.npy")
