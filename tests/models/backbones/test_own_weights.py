from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from aher_lightning.errors import CheckpointError
from aher_lightning.models.backbones.own_weights import (
    load_fitting,
    loads_weights,
    may_download,
    read_weights,
    weights_come_later,
)


def test_weights_are_loaded_unless_a_checkpoint_follows() -> None:
    assert loads_weights()
    with weights_come_later():
        assert not loads_weights()
        assert may_download()
        with weights_come_later(offline=True):
            assert not may_download()
        assert may_download()
    assert loads_weights()


def test_a_failure_restores_it() -> None:
    with pytest.raises(ValueError, match="x"), weights_come_later(offline=True):
        raise ValueError("x")
    assert loads_weights()
    assert may_download()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_both_formats_are_read(name: str, tmp_path: Path) -> None:
    weights = {"a": torch.arange(3.0)}
    if name.endswith("pth"):
        torch.save(weights, tmp_path / name)
    else:
        save_file(weights, tmp_path / name)
    assert read_weights(tmp_path / name)["a"].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_missing_and_damaged_files_are_reported(name: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=rf"{name}: no such checkpoint; download the public weights or correct"):
        read_weights(tmp_path / name)
    (tmp_path / name).write_text("no weights")
    with pytest.raises(CheckpointError, match=rf"{name}: is no (PyTorch checkpoint|safetensors file)") as caught:
        read_weights(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_all_weights_of_a_network_are_needed_and_no_others() -> None:
    layer = nn.Linear(2, 1)
    load_fitting(layer, {"weight": torch.ones(1, 2), "bias": torch.zeros(1), "head.weight": torch.ones(9)}, "w.pth")
    assert layer.weight.tolist() == [[1.0, 1.0]]
    with pytest.raises(CheckpointError, match=r"w\.pth: are weights of another network: 1 of 2 tensors are missing"):
        load_fitting(layer, {"weight": torch.ones(1, 2)}, "w.pth")
    with pytest.raises(CheckpointError, match=r"'weight' has shape \(2, 2\) instead of \(1, 2\)"):
        load_fitting(layer, {"weight": torch.ones(2, 2), "bias": torch.zeros(1)}, "w.pth")
