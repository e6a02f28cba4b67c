"""Nothing mixes tensors of two devices: what a GPU would refuse is found on any machine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor

from aher_lightning.inference.localizer import Localizer
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.proposal_classifier import ProposalClassifierModule
from tests.helpers.all_phases import KINDS, data_of
from tests.helpers.end_to_end import PixelDataModule, tiny_backbone
from tests.helpers.other_device import OTHER_DEVICE, FarTensor, other_device
from tests.helpers.released_recipe import recipe_module
from tests.helpers.toy import CATEGORIES, MeanBackbone, ToyDataModule, toy_network
from tests.helpers.trained import small_localizer
from tests.helpers.training import quiet_trainer, small_contract, toy_classifier
from tests.helpers.videos import VideoSpec, write_video


class OtherAccelerator(CPUAccelerator):
    """Lightning asks it for nothing but a device."""

    def setup_device(self, device: torch.device) -> None:
        """Accept the other device."""
        assert device == OTHER_DEVICE


def proposals(source: Any) -> ProposalClassifierModule:
    torch.manual_seed(0)
    return ProposalClassifierModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network, proposals=source)


TRAINED: dict[str, tuple[Callable[[], BaseModule], type[ToyDataModule]]] = {
    **{name: (make, data_of(name)) for name, make in KINDS.items()},
    "paper": (lambda: recipe_module("paper.yaml"), ToyDataModule),
    "released": (lambda: recipe_module("released.yaml"), ToyDataModule),
    "classifier": (lambda: toy_classifier(backbone=tiny_backbone()), PixelDataModule),
}
TESTED: dict[str, tuple[Callable[[], BaseModule], type[ToyDataModule]]] = {
    "proposals": (lambda: proposals("network"), ToyDataModule),
    "random proposals": (lambda: proposals("random"), ToyDataModule),
}


def run(
    make: Callable[[], BaseModule], data: type[ToyDataModule], folder: Path, *, is_far: bool, trains: bool
) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """Train for two iterations if asked to, then test; return weights and metrics."""
    torch.manual_seed(0)
    module = make()
    options: dict[str, Any] = {"callbacks": [], "enable_checkpointing": False, "limit_val_batches": 1}
    options["inference_mode"] = False  # tensors in disguise cannot tell it from recording gradients
    if is_far:
        strategy = SingleDeviceStrategy(device=OTHER_DEVICE, accelerator=OtherAccelerator())
        options |= {"accelerator": "auto", "strategy": strategy}
    with other_device() if is_far else nullcontext():
        trainer = quiet_trainer(folder, 2, **options)
        if trains:
            trainer.fit(module, datamodule=data())
        metrics = trainer.test(module, datamodule=data(), verbose=False)
        weights = {name: value.cpu() for name, value in module.state_dict().items()}
    assert not any(isinstance(value, FarTensor) for value in weights.values())
    return weights, [dict(one) for one in metrics]


@pytest.mark.parametrize("name", [*TRAINED, *TESTED])
def test_runs_are_the_same_on_another_device(name: str, tmp_path: Path) -> None:
    make, data = (TRAINED | TESTED)[name]
    here = run(make, data, tmp_path, is_far=False, trains=name in TRAINED)
    there = run(make, data, tmp_path, is_far=True, trains=name in TRAINED)
    assert there[1] == here[1]
    for key, value in here[0].items():
        torch.testing.assert_close(there[0][key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
@pytest.mark.parametrize("name", TRAINED)
def test_runs_on_a_gpu_end_near_those_on_the_processor(name: str, tmp_path: Path) -> None:
    make, data = TRAINED[name]
    here, _ = run(make, data, tmp_path, is_far=False, trains=True)
    torch.manual_seed(0)
    module = make()
    trainer = quiet_trainer(tmp_path, 2, callbacks=[], enable_checkpointing=False, accelerator="gpu", devices=1)
    trainer.fit(module, datamodule=data())
    (metrics,) = trainer.test(module, datamodule=data(), verbose=False)
    assert metrics["test/coverage"] == 1.0
    for key, value in module.state_dict().items():
        torch.testing.assert_close(value.cpu(), here[key], rtol=1e-2, atol=1e-2)


def test_videos_are_localized_on_another_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=120))
    module = small_localizer()
    module.contract = small_contract()
    here = Localizer(module, window_sec=3.0).localize(video).detections
    monkeypatch.setattr("aher_lightning.inference.localizer.choose_device", lambda _: OTHER_DEVICE)
    with other_device():
        localizer = Localizer(module, window_sec=3.0)
        assert isinstance(next(localizer.module.parameters()), FarTensor)
        with torch.no_grad():  # in place of inference mode
            there = Localizer.localize.__wrapped__(localizer, video).detections  # type: ignore[attr-defined]
    assert len(here.scores) > 10
    for ours, theirs in zip(there, here, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_what_a_gpu_refuses_is_refused() -> None:
    with other_device() as device:
        far, near = torch.arange(3.0, device=device), torch.arange(3.0)
        assert (far + 1).device == (far * torch.tensor(2.0)).device == device
        assert far[near.long()].tolist() == far.cpu().tolist() == near.tolist()
        assert torch.tensor([1.0], device=device).device == device
        for one, other in ((far, near), (near, far), (far[0], near)):
            with pytest.raises(RuntimeError, match="expected all tensors to be on the same device"):
                one + other
        with pytest.raises(RuntimeError, match="expected all tensors to be on the same device"):
            torch.cat([far, near])
        with pytest.raises(TypeError, match="can't convert"):
            far.numpy()
