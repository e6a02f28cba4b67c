from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.errors import CheckpointError
from aher_lightning.inference.rebuild import load_module
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.ops.resample import Resampling
from tests.helpers.toy import CATEGORIES
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.training import small_contract


def rewritten(path: Path, target: Path, **changes: Any) -> Path:
    """Copy a checkpoint with other entries in the configuration of its module."""
    checkpoint = torch.load(path)
    checkpoint[STATE_KEY]["configuration"].update(changes)
    torch.save(checkpoint, target)
    return target


def test_the_module_comes_back_as_it_was(tmp_path: Path) -> None:
    original, path = checkpointed_localizer(tmp_path)
    restored = load_module(path)
    assert isinstance(restored, LocalizerModule)
    assert not restored.training
    assert restored.iteration == original.iteration
    assert vars(restored.categories) == vars(CATEGORIES)
    assert restored.require_contract().fps == small_contract().fps
    assert restored.network.length == 32
    for name, value in original.state_dict().items():
        assert torch.equal(value, restored.state_dict()[name]), name


def test_resampling_comes_back(tmp_path: Path) -> None:
    _, path = checkpointed_localizer(tmp_path)
    assert load_module(path).resampling == Resampling()
    checkpoint = torch.load(path)
    checkpoint[STATE_KEY]["configuration"]["init_args"]["resampling"] = {"sample_places": [0, 1], "padding": "zeros"}
    torch.save(checkpoint, path)
    assert load_module(path).resampling == Resampling((0, 1), "zeros")


def test_initial_weights_are_no_longer_needed(tmp_path: Path) -> None:
    _, path = checkpointed_localizer(tmp_path)
    checkpoint = torch.load(path)
    checkpoint[STATE_KEY]["configuration"]["init_args"]["initial_weights"] = [str(tmp_path / "deleted.ckpt")]
    torch.save(checkpoint, path)
    assert load_module(path).initial_weights == []


def test_a_module_made_in_python_has_nothing_to_rebuild_it_from(tmp_path: Path) -> None:
    _, path = checkpointed_localizer(tmp_path)
    checkpoint = torch.load(path)
    checkpoint[STATE_KEY]["configuration"] = {}
    torch.save(checkpoint, path)
    with pytest.raises(CheckpointError, match=r"cannot rebuild its module \(it was trained without the command line\)"):
        load_module(path)


@pytest.mark.parametrize(
    "class_path", ["aher_lightning.models.backbones.p3d.P3D", "aher_lightning.structures.Categories"]
)
def test_a_class_that_is_no_module_is_refused(class_path: str, tmp_path: Path) -> None:
    _, path = checkpointed_localizer(tmp_path)
    other = rewritten(path, tmp_path / "other.ckpt", class_path=class_path)
    with pytest.raises(CheckpointError, match=r"other\.ckpt: cannot rebuild its module") as caught:
        load_module(other)
    assert "\n" not in str(caught.value)


def test_a_trusted_class_must_be_installed(tmp_path: Path) -> None:
    _, path = checkpointed_localizer(tmp_path)
    other = rewritten(path, tmp_path / "other.ckpt", class_path="not_installed.Module")
    with pytest.raises(CheckpointError, match=r"names 'not_installed\.Module', which is not part of this package"):
        load_module(other)
    with pytest.raises(CheckpointError, match=r"other\.ckpt: cannot rebuild its module .*install what it"):
        load_module(other, trust_plugins=True)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    _, path = checkpointed_localizer(tmp_path)
    checkpoint = torch.load(path)
    checkpoint["state_dict"].popitem()
    torch.save(checkpoint, path)
    with pytest.raises(CheckpointError, match="cannot rebuild its module") as caught:
        load_module(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["configuration", "categories", "contract", "iteration"])
def test_an_incomplete_checkpoint_is_refused(missing: str, tmp_path: Path) -> None:
    _, path = checkpointed_localizer(tmp_path)
    checkpoint = torch.load(path)
    del checkpoint[STATE_KEY][missing]
    torch.save(checkpoint, path)
    with pytest.raises(CheckpointError, match=rf"last\.ckpt: its entry '{missing}' is missing or damaged"):
        load_module(path)
