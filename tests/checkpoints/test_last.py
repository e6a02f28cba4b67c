from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning.checkpoints.content import STATE_KEY, write_checkpoint
from aher_lightning.checkpoints.last import find_last_checkpoint
from aher_lightning.errors import CheckpointError


def save(path: Path, iteration: object) -> Path:
    write_checkpoint(path, {"state_dict": {"w": torch.rand(1000)}, STATE_KEY: {"iteration": iteration}})
    return path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def test_the_newest_is_taken(tmp_path: Path) -> None:
    assert find_last_checkpoint(tmp_path / "nowhere") is None
    assert find_last_checkpoint(tmp_path) is None
    save(tmp_path / "iteration_000010.ckpt", 10)
    save(tmp_path / "iteration_000020.ckpt", 20)
    for name, iteration in (("iteration_000020.ckpt", 20), ("previous.ckpt", 25), ("last.ckpt", 30)):
        save(tmp_path / name, iteration)
        assert find_last_checkpoint(tmp_path) == (tmp_path / name, iteration, [])


def test_where_last_is_damaged_the_newest_of_the_others_is_taken(tmp_path: Path) -> None:
    truncate(save(tmp_path / "last.ckpt", 1_000_000))
    for name, iteration in (("previous.ckpt", 300), ("iteration_999999.ckpt", 999_999)):
        path = save(tmp_path / name, iteration)
        found = find_last_checkpoint(tmp_path)
        assert found is not None
        assert (found.path, len(found.damaged)) == (path, 1)
    save(tmp_path / "iteration_1000000.ckpt", 1_000_000)  # one digit more
    save(tmp_path / "iteration_best.ckpt", 5)
    found = find_last_checkpoint(tmp_path)
    assert found is not None
    assert (found.path.name, found.iteration) == ("iteration_1000000.ckpt", 1_000_000)


def test_damaged_ones_are_passed_over_and_named(tmp_path: Path) -> None:
    save(tmp_path / "iteration_000020.ckpt", 20)
    truncate(save(tmp_path / "previous.ckpt", 25))
    save(tmp_path / "last.ckpt", None)
    found = find_last_checkpoint(tmp_path)
    assert found is not None
    assert (found.path.name, found.iteration) == ("iteration_000020.ckpt", 20)
    last, previous = found.damaged
    assert last.startswith(f"{tmp_path / 'last.ckpt'}: does not say how many iterations")
    assert previous.startswith(f"{tmp_path / 'previous.ckpt'}: not a readable checkpoint (damaged)")


def test_where_all_are_damaged_nothing_is_begun_anew(tmp_path: Path) -> None:
    for name in ("last.ckpt", "previous.ckpt"):
        truncate(save(tmp_path / name, 5))
    with pytest.raises(CheckpointError, match=r"none of its 2 checkpoints is readable \(.*last\.ckpt.*start again"):
        find_last_checkpoint(tmp_path)
