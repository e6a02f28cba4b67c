from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from aher_lightning.modules.phases import RecognitionPhase, TransferPhase
from tests.helpers.toy import CHANNELS, ToyDataModule
from tests.helpers.training import pixels, small_contract, toy_localizer, train


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=1.0)


def halve(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.StepLR:
    return torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)


def first_batch() -> Any:
    batch, _, _ = next(iter(ToyDataModule().train_dataloader()))
    return batch


def test_batches_are_encoded_for_the_network() -> None:
    module, batch = toy_localizer(), first_batch()
    data = module.iteration_data(batch)
    assert data.untrimmed.shape == (4, CHANNELS, module.network.length)
    assert data.moments.shape == (4, CHANNELS, module.network.moment_length)
    assert data.segments.dtype == data.untrimmed.dtype
    torch.testing.assert_close(data.segments.double(), batch["untrimmed"].segments_sec / 20, atol=1e-6, rtol=0)
    assert not any(value.requires_grad for value in (data.untrimmed, data.foreground, data.moments))


def test_the_random_numbers_of_an_iteration_repeat() -> None:
    module, batch = toy_localizer(), first_batch()
    first, second = (module.iteration_data(batch).generator for _ in range(2))
    assert torch.equal(torch.rand(3, generator=first), torch.rand(3, generator=second))


def test_schedules_count_iterations(tmp_path: Path) -> None:
    phase = TransferPhase(optimizer=sgd, scheduler=halve)
    module = toy_localizer(recognition=RecognitionPhase(optimizer=sgd), localization=phase)
    trainer = train(module, tmp_path, 5)
    rates = [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers]
    assert rates == [1.0, 0.25]


def test_gradients_are_clipped_phase_by_phase(tmp_path: Path) -> None:
    module = toy_localizer(localization=TransferPhase(optimizer=sgd, clip_norm=1e-3))
    before = [parameter.detach().clone() for parameter in module.phase_parameters(module.localization)]
    train(module, tmp_path, 1)
    moved = [
        (new - old).detach() for new, old in zip(module.phase_parameters(module.localization), before, strict=True)
    ]
    assert float(torch.stack([step.norm() for step in moved]).norm()) == pytest.approx(1e-3, rel=1e-3)


def test_the_backbone_is_trained_if_a_phase_says_so() -> None:
    groups: Sequence[str] = ("pyramid", "heads", "transfer", "backbone")
    module = toy_localizer(localization=TransferPhase(groups=groups))
    module.contract = small_contract()
    assert module.trains_backbone
    assert not toy_localizer().trains_backbone
    assert module.parameter_group("backbone") == list(module.backbone.parameters())
    batch = first_batch()
    clips = pixels(*batch["untrimmed"].snippets.lengths.tolist())
    batch["untrimmed"] = batch["untrimmed"]._replace(snippets=clips)
    data = module.iteration_data(batch)
    sum(module.localization.losses(module.network, module.loss, data).values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.any() for p in module.backbone.parameters())
    assert not data.foreground.requires_grad
    assert not data.moments.requires_grad


def test_batch_norm_of_the_backbone_never_learns_statistics() -> None:
    module = toy_localizer()
    module.backbone.add_module("norm", nn.BatchNorm1d(CHANNELS))
    module.train()
    assert module.training
    assert module.network.training
    assert not module.backbone.training
    assert not any(part.training for part in module.backbone.modules())


def test_lightning_trains_with_a_fixed_backbone_before_and_after_validation(tmp_path: Path) -> None:
    modes: list[tuple[bool, bool]] = []

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
            module = trainer.lightning_module
            modes.append((module.get_submodule("network").training, module.get_submodule("backbone").training))

    options = {"limit_val_batches": 1.0, "val_check_interval": 1, "enable_checkpointing": False}
    train(toy_localizer(), tmp_path, 2, callbacks=[Look()], **options)
    assert modes == [(True, False), (True, False)]


def test_an_unknown_group_is_refused() -> None:
    with pytest.raises(ValueError, match="no parameter group 'head'; there are pyramid"):
        toy_localizer().parameter_group("head")
