from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins import MixedPrecision
from torch import nn

from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.errors import ConfigError
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.transfer import IdentityTransfer
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.modules.phases import RecognitionPhase, TransferPhase
from tests.helpers.toy import CATEGORIES, CHANNELS, MeanBackbone, ToyDataModule, toy_network
from tests.helpers.training import moment_batch, pixels, small_contract, toy_localizer, train, untrimmed_batch


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
    assert data.untrimmed.features.shape == (4, CHANNELS, module.network.length)
    assert data.moments.features.shape == (4, CHANNELS, module.network.moment_length)
    assert data.untrimmed.segments.dtype == data.untrimmed.features.dtype
    torch.testing.assert_close(
        data.untrimmed.segments.double(), batch["untrimmed"].segments_sec / 20, atol=1e-6, rtol=0
    )
    parts = (data.untrimmed, data.foreground, data.moments)
    assert not any(part.features.requires_grad for part in parts)


def test_the_feature_bank_keeps_snippets_of_moments_and_videos_once_each() -> None:
    module, batch = toy_localizer(recognition=RecognitionPhase(steps=2)), first_batch()
    data = module.iteration_data(batch)
    assert module.feature_bank is not None
    moments, videos = module.feature_bank.content()
    assert torch.equal(moments.labels, batch["moments"].labels)
    assert torch.equal(moments.snippets.values, batch["moments"].snippets.values.half())
    assert torch.equal(videos.snippets.values, batch["untrimmed"].snippets.values.half())
    assert torch.equal(videos.labels, batch["untrimmed"].labels)
    assert torch.equal(videos.segments, data.untrimmed.segments)
    restored = module.resample(videos.snippets._replace(values=videos.snippets.values.float()), module.network.length)
    torch.testing.assert_close(restored, data.untrimmed.features, atol=2e-3, rtol=0)


def test_snippets_from_pixels_are_stored_as_features_that_were_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = MeanBackbone()
    module = toy_localizer(backbone=backbone)
    module.contract = small_contract()
    calls: list[int] = []

    def forward(clips: torch.Tensor) -> torch.Tensor:
        calls.append(len(clips))
        return torch.ones(len(clips), CHANNELS)

    monkeypatch.setattr(backbone, "forward", forward)
    moments = moment_batch(pixels(3, 2), [0, 2])
    videos = untrimmed_batch(pixels(4, 5), [[[1.0, 2.0]], [[3.0, 4.0]]], [[0], [1]])._replace(iteration=0)
    module.iteration_data({"untrimmed": videos, "moments": moments})
    assert sum(calls) == 5 + 9
    assert module.feature_bank is not None
    content = module.feature_bank.content()
    assert content.moments.snippets.values.shape == (5, CHANNELS)
    assert content.videos.snippets.values.shape == (9, CHANNELS)


@pytest.mark.parametrize(
    ("phase", "is_stored"),
    [
        (RecognitionPhase(), True),
        (RecognitionPhase(feature_bank_size=0), True),
        (RecognitionPhase(feature_bank_size=0, feature_bank_videos=0), False),
        (RecognitionPhase(enabled=False), False),
    ],
)
def test_a_checkpoint_has_a_bank_if_there_is_anything_in_it(phase: RecognitionPhase, is_stored: bool) -> None:
    module = toy_localizer(recognition=phase)
    for filled in (False, True):
        if filled:
            module.iteration_data(first_batch())
        checkpoint: dict[str, Any] = {}
        module.on_save_checkpoint(checkpoint)
        assert (FEATURE_BANK_KEY in checkpoint[STATE_KEY]) == (filled and is_stored)


def test_the_random_numbers_of_an_iteration_repeat() -> None:
    module, batch = toy_localizer(), first_batch()
    first, second = (module.iteration_data(batch).generator for _ in range(2))
    assert torch.equal(torch.rand(3, generator=first), torch.rand(3, generator=second))


def test_schedules_count_iterations(tmp_path: Path) -> None:
    phase = TransferPhase(optimizer=sgd, scheduler=halve)
    module = toy_localizer(recognition=RecognitionPhase(optimizer=sgd), transfer=phase)
    trainer = train(module, tmp_path, 5)
    rates = [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers]
    assert rates == [1.0, 0.25]


def test_phases_without_optimizer_or_schedule_take_those_of_the_module(tmp_path: Path) -> None:
    def adam(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=0.5)

    own = RecognitionPhase(optimizer=adam, scheduler=lambda one: torch.optim.lr_scheduler.ConstantLR(one, factor=1.0))
    module = toy_localizer(optimizer=sgd, scheduler=halve, recognition=own)
    trainer = train(module, tmp_path, 5)
    assert [type(one).__name__ for one in trainer.optimizers] == ["Adam", "SGD"]
    assert [one.param_groups[0]["lr"] for one in trainer.optimizers] == [0.5, 0.25]
    rates = [one.param_groups[0]["lr"] for one in train(toy_localizer(), tmp_path, 1).optimizers]
    assert rates == [1e-4, 1e-4]  # section 4.2 of the paper


def test_phases_run_as_often_as_they_say(tmp_path: Path) -> None:
    runs: list[str] = []

    class Counting(TransferPhase):
        def losses(self, *arguments: Any) -> dict[str, torch.Tensor]:
            runs.append(self.name)
            return super().losses(*arguments)

    module = toy_localizer(recognition=RecognitionPhase(enabled=False), transfer=Counting(steps=3))
    before = {key: value.clone() for key, value in module.network.untrimmed_classifier.state_dict().items()}
    trainer = train(module, tmp_path, 2)
    assert runs == ["transfer"] * 6
    assert len(trainer.optimizers) == 1
    assert all(
        torch.equal(before[key], value) for key, value in module.network.untrimmed_classifier.state_dict().items()
    )
    with pytest.raises(ConfigError, match="phase 'transfer': 'steps' is -1; give 1 or more, or set 'enabled: false'"):
        TransferPhase(steps=-1)


def test_an_optimizer_per_loss_steps_as_if_it_were_alone(tmp_path: Path) -> None:
    """Adam's steps have the size of the rate whatever the loss: two of them go twice as far where both agree."""
    joint = toy_localizer(recognition=RecognitionPhase(enabled=False), transfer=TransferPhase(optimizer=sgd))
    apart = toy_localizer(
        recognition=RecognitionPhase(enabled=False), transfer=TransferPhase(optimizer=sgd, optimizer_per_loss=True)
    )
    start = {key: value.clone() for key, value in joint.network.state_dict().items()}
    train(joint, tmp_path, 1)
    trainer = train(apart, tmp_path, 1)
    assert len(trainer.optimizers) == 2
    # Without momentum the sum of the separate steps is the step of the sum.
    for key, value in apart.network.state_dict().items():
        torch.testing.assert_close(value, joint.network.state_dict()[key], atol=1e-5, rtol=1e-4)
    assert any(not torch.equal(start[key], value) for key, value in apart.network.state_dict().items())

    adam = toy_localizer(recognition=RecognitionPhase(enabled=False), transfer=TransferPhase(optimizer_per_loss=True))
    train(adam, tmp_path, 1)
    moved = torch.cat(
        [(value - start[key]).flatten() for key, value in adam.network.state_dict().items() if "pyramid" in key]
    )
    # The first step of Adam is the rate 1e-4 in size: two losses move a weight by 0 or by twice that.
    assert moved.abs().max().item() == pytest.approx(2e-4, rel=0.02)
    assert (moved.abs() < 1e-6).any()


def test_all_gradients_of_a_phase_are_taken_before_its_first_step(tmp_path: Path) -> None:
    """Foregrounds are recognized by the ConvNet as it was, although moments have an optimizer that moves it."""
    groups: Sequence[str] = ("pyramid", "moment_classifier", "untrimmed_classifier")
    weights = []
    for is_apart in (False, True):
        phase = RecognitionPhase(groups=groups, optimizer=sgd, optimizer_per_loss=is_apart)
        module = toy_localizer(recognition=phase, transfer=TransferPhase(enabled=False))
        start = [parameter.detach().clone() for parameter in module.phase_parameters(phase)]
        train(module, tmp_path, 1)
        weights.append([parameter.detach() for parameter in module.phase_parameters(phase)])
    for before, joint, apart in zip(start, *weights, strict=True):
        assert not torch.equal(before, apart)
        torch.testing.assert_close(apart, joint, atol=1e-5, rtol=1e-4)


def test_losses_can_take_turns(tmp_path: Path) -> None:
    """Foregrounds are then recognized by the ConvNet that moments have just moved; moments come first, as before."""
    groups: Sequence[str] = ("pyramid", "moment_classifier", "untrimmed_classifier")
    ends = []
    for in_turn in (False, True):
        phase = RecognitionPhase(groups=groups, optimizer=sgd, optimizer_per_loss=True, in_turn=in_turn)
        module = toy_localizer(recognition=phase, transfer=TransferPhase(enabled=False))
        train(module, tmp_path, 1)
        ends.append({name: value.clone() for name, value in module.network.state_dict().items()})
    together, in_turn_end = ends
    differing = {name.split(".")[0] for name, value in together.items() if not torch.equal(value, in_turn_end[name])}
    assert differing == {"untrimmed_classifier"}
    with pytest.raises(ConfigError, match="phase 'recognition': 'in_turn' needs an optimizer per loss; set"):
        RecognitionPhase(in_turn=True)


def test_the_backbone_learns_in_one_step_of_one_phase() -> None:
    groups: Sequence[str] = ("pyramid", "heads", "transfer", "backbone")
    toy_localizer(transfer=TransferPhase(groups=groups, optimizer_per_loss=True))
    for phase in (
        TransferPhase(groups=groups, steps=2),
        TransferPhase(groups=groups, optimizer_per_loss=True, in_turn=True),
    ):
        with pytest.raises(ConfigError, match=r"the backbone can learn in one step of one phase.*groups of 'transfer'"):
            toy_localizer(transfer=phase)


def test_a_phase_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    def without_transfer(*sizes: int) -> AherNet:
        return toy_network(*sizes, transfer=IdentityTransfer)

    torch.manual_seed(0)
    phase = TransferPhase(groups=("transfer",))
    module = LocalizerModule(CATEGORIES, backbone=MeanBackbone(), network=without_transfer, transfer=phase)
    with pytest.raises(ConfigError, match="phase 'transfer' has no parameters to train in transfer"):
        train(module, tmp_path, 1)


def test_a_phase_of_a_frozen_backbone_alone_is_refused(tmp_path: Path) -> None:
    module = toy_localizer(transfer=TransferPhase(groups=("backbone",)))
    module.backbone.requires_grad_(requires_grad=False)
    with pytest.raises(ConfigError, match="phase 'transfer' has no parameters to train in back"):
        train(module, tmp_path, 1)


def test_gradients_are_clipped_phase_by_phase(tmp_path: Path) -> None:
    module = toy_localizer(transfer=TransferPhase(optimizer=sgd, clip_norm=1e-3))
    before = [parameter.detach().clone() for parameter in module.phase_parameters(module.transfer)]
    train(module, tmp_path, 1)
    moved = [(new - old).detach() for new, old in zip(module.phase_parameters(module.transfer), before, strict=True)]
    assert float(torch.stack([step.norm() for step in moved]).norm()) == pytest.approx(1e-3, rel=1e-3)


def test_the_backbone_is_trained_if_a_phase_says_so() -> None:
    groups: Sequence[str] = ("pyramid", "heads", "transfer", "backbone")
    module = toy_localizer(transfer=TransferPhase(groups=groups))
    module.contract = small_contract()
    assert module.trains_backbone
    assert not toy_localizer().trains_backbone
    assert module.parameter_group("backbone") == list(module.backbone.parameters())
    batch = first_batch()
    clips = pixels(*batch["untrimmed"].snippets.lengths.tolist())
    batch["untrimmed"] = batch["untrimmed"]._replace(snippets=clips)
    data = module.iteration_data(batch)
    sum(module.transfer.losses(module.network, module.loss, data).values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.any() for p in module.backbone.parameters())
    assert not data.foreground.features.requires_grad
    assert not data.moments.features.requires_grad


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


def test_a_scale_that_changes_between_two_steps_changes_no_step(tmp_path: Path) -> None:
    """Under float16 each step may change the scale that the gradients of the next one were taken with."""

    def weights(**options: Any) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        transfer = TransferPhase(optimizer_per_loss=True, optimizer=partial(torch.optim.SGD, lr=0.05))
        module = toy_localizer(transfer=transfer)
        train(module, tmp_path, 3, **options)
        return {key: value for key, value in module.state_dict().items() if key.startswith("network.head.")}

    # The scale doubles after every step.
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=1)
    plain, scaled = weights(), weights(plugins=MixedPrecision("16-mixed", "cpu", scaler))
    before = {f"network.{key}": value for key, value in toy_localizer().network.state_dict().items()}
    for key, value in plain.items():
        moved = (value - before[key]).abs().max()
        assert (scaled[key] - value).abs().max() <= 0.05 * moved + 1e-6, key
