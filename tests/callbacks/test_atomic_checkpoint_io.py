from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning.callbacks.atomic_checkpoint_io import AtomicCheckpointIO
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.checkpoints.pretrained_folder import write_pretrained
from aher_lightning.errors import CheckpointError
from tests.helpers.trained import checkpointed_localizer


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    io = AtomicCheckpointIO()
    io.save_checkpoint({"state_dict": {"w": torch.arange(3.0)}}, tmp_path / "deep" / "c.ckpt")
    assert io.load_checkpoint(tmp_path / "deep" / "c.ckpt")["state_dict"]["w"].tolist() == [0, 1, 2]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["c.ckpt"]


def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"c\.ckpt: cannot be written"):
        AtomicCheckpointIO().save_checkpoint({}, tmp_path / "file" / "c.ckpt")
    with pytest.raises(TypeError, match="take no storage options"):
        AtomicCheckpointIO().save_checkpoint({}, tmp_path / "c.ckpt", storage_options={})


def test_a_folder_to_share_is_read_like_a_checkpoint(tmp_path: Path) -> None:
    checkpoint = checkpointed_localizer(tmp_path)[1]
    write_pretrained(tmp_path / "shared", read_checkpoint(checkpoint))
    one, other = (AtomicCheckpointIO().load_checkpoint(path) for path in (checkpoint, tmp_path / "shared"))
    assert all(torch.equal(value, other["state_dict"][name]) for name, value in one["state_dict"].items())
    assert other["pytorch-lightning_version"] == one["pytorch-lightning_version"]
    assert other[STATE_KEY]["iteration"] == one[STATE_KEY]["iteration"]
