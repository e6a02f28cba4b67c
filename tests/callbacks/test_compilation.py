from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from aher_lightning.callbacks import Compilation, IterationCheckpoint
from aher_lightning.checkpoints.content import read_checkpoint
from tests.helpers.end_to_end import tiny_backbone
from tests.helpers.training import toy_classifier, toy_localizer, train


def is_compiled(network: nn.Module) -> bool:
    return network._compiled_call_impl is not None


@pytest.mark.filterwarnings("ignore")  # torch's compiler trips over remarks that are errors here
def test_a_compiled_run_learns_the_same_and_saves_the_same_names(tmp_path: Path) -> None:
    plain, compiled = toy_localizer(), toy_localizer()
    train(plain, tmp_path / "plain", 3)
    callbacks: list[Any] = [IterationCheckpoint(), Compilation(enabled=True, backend="aot_eager")]
    train(compiled, tmp_path / "compiled", 3, callbacks=callbacks)
    assert is_compiled(compiled.network.pyramid)
    assert all(is_compiled(head) for head in compiled.network.heads)
    one, other = (read_checkpoint(tmp_path / name / "last.ckpt")["state_dict"] for name in ("plain", "compiled"))
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore")  # torch's remarks on itself
def test_a_second_stage_compiles_nothing_again() -> None:
    module, callback = toy_localizer(backbone=tiny_backbone()), Compilation(enabled=True, backend="eager")
    callback.setup(None, module, "fit")  # type: ignore[arg-type]
    compiled = module.backbone.encode, module.network.pyramid._compiled_call_impl
    callback.setup(None, module, "test")  # type: ignore[arg-type]
    assert (module.backbone.encode, module.network.pyramid._compiled_call_impl) == compiled


def test_nothing_is_compiled_unless_asked_for(tmp_path: Path) -> None:
    module = toy_localizer()
    train(module, tmp_path, 1, callbacks=[IterationCheckpoint(), Compilation()])
    assert not is_compiled(module.network.pyramid)


@pytest.mark.filterwarnings("ignore")  # torch's remarks on itself
def test_a_classifier_has_its_backbone_compiled() -> None:
    module = toy_classifier()
    Compilation(enabled=True, backend="eager").setup(None, module, "fit")  # type: ignore[arg-type]
    assert is_compiled(module.backbone)
