"""End-to-end training: AherNet from pixels, gradients into the backbone, in bounded memory and mixed precision."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins import MixedPrecision
from torch import Tensor

from aher_lightning.callbacks import Compilation, IterationCheckpoint
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.phases import DetectorPhase
from tests.helpers.end_to_end import (
    PixelDataModule,
    backbone_gradients,
    end_to_end_module,
    first_pixel_batch,
    tiny_backbone,
)
from tests.helpers.toy import toy_network
from tests.helpers.training import quiet_trainer, toy_classifier

BOUNDED = {"clips_per_chunk": 8, "checkpoint_chunks": True}
LARGEST_DISTANCE = 0.02
"""How far losses in half precision may be from those in single precision over 20 iterations, in parts of them: five
roundings to bfloat16, each by at most 2**-8. With the instruction sets of several processors it is less than one."""


class Losses(pl.Callback):
    """Records the losses of every iteration."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        logged = trainer.callback_metrics.items()
        # Accuracies are counts, in which a rounding may be a whole anchor.
        losses = {name: float(value) for name, value in logged if name.startswith("train/") and "accuracy" not in name}
        self.rows.append(losses)


def fit(
    folder: Path, iterations: int, module: AherModule | None = None, **options: Any
) -> tuple[AherModule, pl.Trainer, list[dict[str, float]]]:
    """Train from pixels; also return the losses."""
    module, resume = module or end_to_end_module(), options.pop("ckpt_path", None)
    losses = Losses()
    callbacks = [losses, IterationCheckpoint(every_n_iterations=2, keep_all=True)]
    trainer = quiet_trainer(folder, iterations, callbacks=callbacks, **options)
    trainer.fit(module, datamodule=PixelDataModule(), ckpt_path=resume)
    return module, trainer, losses.rows


def distance(found: list[dict[str, float]], expected: list[dict[str, float]]) -> float:
    """Return the largest difference of two runs' losses, in parts of the loss; of 0.1 where it is below that."""
    pairs = [(one[name], other[name]) for one, other in zip(found, expected, strict=True) for name in other]
    return max(abs(one - other) / max(abs(other), 0.1) for one, other in pairs)


def differing(found: AherModule, expected: AherModule) -> list[str]:
    """Return the names of weights and statistics that are not equal to the bit."""
    state = found.state_dict()
    return [name for name, value in expected.state_dict().items() if not torch.equal(value, state[name])]


def weights(module: AherModule) -> Tensor:
    """Return all parameters in one row."""
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@torch.no_grad()
def features_and_outputs(module: AherModule) -> list[Tensor]:
    """Return what backbone and network make of the videos of validation."""
    module.eval().contract = PixelDataModule().contract
    features = module.encode(next(iter(PixelDataModule().val_dataloader())).snippets, module.network.length)
    outputs = module.network(features, "moment")
    return [features, outputs.class_logits, *outputs.head.values()]


@pytest.mark.parametrize("precision", [None, torch.bfloat16])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_checkpoints_do_not_change_gradients_of_the_losses(precision: torch.dtype | None, share: float) -> None:
    batch = first_pixel_batch()
    found: list[dict[str, Tensor]] = []
    for checkpoint_chunks in (False, True):
        backbone = tiny_backbone(clips_per_chunk=8, checkpoint_chunks=checkpoint_chunks, gradient_fraction=share)
        with nullcontext() if precision is None else torch.autocast("cpu", precision):
            found.append(backbone_gradients(end_to_end_module(backbone), batch))
    kept, recomputed = found
    assert len(kept) == 18
    assert all(gradient.dtype == torch.float32 and gradient.any() for gradient in kept.values())
    assert all(torch.equal(recomputed[name], gradient) for name, gradient in kept.items())


@pytest.mark.parametrize("options", [{"clips_per_chunk": 3}, BOUNDED, {"frozen_stages": 1, **BOUNDED}])
def test_chunks_do_not_change_gradients_of_the_losses(options: dict[str, Any]) -> None:
    batch = first_pixel_batch()
    expected = backbone_gradients(end_to_end_module(tiny_backbone()), batch)
    found = backbone_gradients(end_to_end_module(tiny_backbone(**options)), batch)
    assert len(found) == 18 - 6 * options.get("frozen_stages", 0)
    for name, gradient in found.items():
        assert (gradient - expected[name]).norm() <= 2e-5 * expected[name].norm(), name


def test_a_share_of_the_clips_changes_gradients_and_no_loss() -> None:
    batch = first_pixel_batch()
    halves = [
        backbone_gradients(end_to_end_module(tiny_backbone(gradient_fraction=0.5)), batch, seed=seed)
        for seed in (0, 0, 1)
    ]
    name = "blocks.1.spatial.weight"
    assert torch.equal(halves[0][name], halves[1][name])
    assert not torch.allclose(halves[0][name], halves[2][name])
    features = []
    for share in (1.0, 0.5):
        module = end_to_end_module(tiny_backbone(gradient_fraction=share)).train()
        module.contract = PixelDataModule().contract
        features.append(module.iteration_data(batch).untrimmed.features)
    torch.testing.assert_close(*features)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_checkpoints_do_not_change_training_to_the_bit(precision: Any, tmp_path: Path) -> None:
    ends = [
        fit(tmp_path, 3, end_to_end_module(tiny_backbone(gradient_fraction=0.5, **options)), precision=precision)[0]
        for options in ({"clips_per_chunk": 8}, BOUNDED)
    ]
    assert differing(*ends) == []
    assert "backbone.stem.spatial.weight" in differing(ends[0], end_to_end_module())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_resumed_run_draws_the_same_clips(precision: Any, tmp_path: Path) -> None:
    options = {"gradient_fraction": 0.5, **BOUNDED}
    whole, _, _ = fit(tmp_path / "whole", 4, end_to_end_module(tiny_backbone(**options)), precision=precision)
    middle = tmp_path / "whole" / "iteration_000002.ckpt"
    module = end_to_end_module(tiny_backbone(**options))
    resumed, _, losses = fit(tmp_path / "resumed", 4, module, precision=precision, ckpt_path=middle)
    assert len(losses) == 2
    assert differing(resumed, whole) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("half", "clip_norm"),
    [({"precision": "bf16-mixed"}, 0.0), ({"plugins": MixedPrecision("16-mixed", "cpu")}, 0.01)],
    ids=["bfloat16", "float16 with clipped gradients"],
)
def test_training_in_mixed_precision_follows_single_precision(half: Any, clip_norm: float, tmp_path: Path) -> None:
    def module() -> AherModule:
        return end_to_end_module(tiny_backbone(**BOUNDED), transfer={"clip_norm": clip_norm})

    plain, _, expected = fit(tmp_path / "plain", 20, module())
    mixed, trainer, losses = fit(tmp_path / "mixed", 20, module(), limit_val_batches=1.0, **half)
    assert len(losses) == 20
    assert 0 < distance(losses, expected) < LARGEST_DISTANCE
    assert all(parameter.dtype == torch.float32 for parameter in mixed.parameters())
    # Adam divides by the size of a gradient, so where that is near zero a rounding decides the direction.
    assert (weights(mixed) - weights(plain)).norm() < 0.25 * (weights(plain) - weights(module())).norm()
    for name in ("val/mAP", "val/AUC"):
        assert trainer.callback_metrics[name].dtype == torch.float32
        assert 0 <= trainer.callback_metrics[name] <= 1


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_networks_lose_what_half_precision_rounds_away(precision: torch.dtype) -> None:
    module = end_to_end_module()
    expected = features_and_outputs(module)
    with torch.autocast("cpu", precision):
        found = features_and_outputs(module)
    # Each of some ten layers rounds by half of eps; as roundings have either sign, they add up to their root.
    largest = 4 * torch.finfo(precision).eps
    distances = [float((one - other).norm() / other.norm()) for one, other in zip(found, expected, strict=True)]
    assert 0 < max(distances) < largest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's compiler trips over remarks that are errors here
@pytest.mark.parametrize("way", ["micro-batches", "compiled"])
def test_other_ways_to_compute_the_same_follow_the_same_curve(way: str, tmp_path: Path) -> None:
    network = partial(toy_network, micro_batch=1) if way == "micro-batches" else toy_network
    module = end_to_end_module(tiny_backbone(**BOUNDED), network=network)
    if way == "compiled":
        Compilation(enabled=True, backend="aot_eager").setup(None, module, "fit")  # type: ignore[arg-type]
    _, _, losses = fit(tmp_path / "other", 20, module)
    _, _, expected = fit(tmp_path / "plain", 20, end_to_end_module(tiny_backbone(**BOUNDED)))
    assert len(losses) == 20
    assert distance(losses, expected) < LARGEST_DISTANCE


def test_losses_and_segments_are_computed_in_single_precision() -> None:
    module, batch = end_to_end_module().train(), first_pixel_batch()
    module.contract = PixelDataModule().contract
    with torch.autocast("cpu", torch.bfloat16):
        data = module.iteration_data(batch)
        assert data.untrimmed.features.dtype == data.moments.features.dtype == torch.float32
        for phase in module.phases:
            losses = phase.losses(module.network, module.loss, data)
            assert {value.dtype for value in losses.values()} == {torch.float32}, phase.name
        outputs = module.network(data.untrimmed.features.detach(), "moment")
        said = (outputs.class_logits, *outputs.head.values())
        assert {output.dtype for output in said} == {torch.float32}
        with torch.no_grad():
            (found, _) = module.detect(batch["untrimmed"].snippets, batch["untrimmed"].durations_sec)
    assert (found.segments.dtype, found.scores.dtype) == (torch.float64, torch.float32)


def test_scores_of_snippets_are_summed_in_single_precision() -> None:
    module = toy_classifier().eval()
    batch = first_pixel_batch()["untrimmed"]
    module.contract = PixelDataModule().contract
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        (found, _) = module.detect(batch.snippets, batch.durations_sec)
    assert found.scores.dtype == torch.float32


def test_every_phase_sees_the_weights_that_the_phases_before_it_left(tmp_path: Path) -> None:
    """Also where mixed precision remembers half-precision copies of weights, as other trainers than ours let it."""

    class Remembering(MixedPrecision):
        def autocast_context_manager(self) -> torch.autocast:
            return torch.autocast("cpu", torch.bfloat16, cache_enabled=True)

    ends = [
        fit(tmp_path, 2, plugins=plugin)[0]
        for plugin in (MixedPrecision("bf16-mixed", "cpu"), Remembering("bf16-mixed", "cpu"))
    ]
    assert differing(*ends) == []


def test_a_loss_for_each_optimizer_goes_back_through_the_same_checkpoints(tmp_path: Path) -> None:
    ends = [
        fit(tmp_path, 2, end_to_end_module(tiny_backbone(**options), transfer={"optimizer_per_loss": True}))[0]
        for options in ({"clips_per_chunk": 8}, BOUNDED)
    ]
    assert differing(*ends) == []


def test_later_phases_see_features_without_graph(tmp_path: Path) -> None:
    """The adversarial loss of real background moves the ConvNet, but the backbone is not its to teach."""
    module = end_to_end_module(detector=DetectorPhase(adversarial_levels="trained"))
    _, _, losses = fit(tmp_path, 1, module)
    assert losses[0]["train/detector_adv"] > 0


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")  # as asked for
def test_a_backbone_that_is_frozen_as_a_whole_is_not_trained(tmp_path: Path) -> None:
    start = end_to_end_module(tiny_backbone(frozen_stages=3))
    module, _, _ = fit(tmp_path, 1, end_to_end_module(tiny_backbone(frozen_stages=3, **BOUNDED)))
    changed = differing(module, start)
    assert changed
    assert not [name for name in changed if name.startswith("backbone")]
