from __future__ import annotations

from contextlib import nullcontext
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from aher_lightning.models.backbones.augmentation import ClipAugmentation
from aher_lightning.models.backbones.p3d import P3D
from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.models.backbones.staged_backbone import StagedBackbone
from aher_lightning.models.base import CLIPS_AT_ONCE
from aher_lightning.video.clips import normalize_clips


def backbone(**options: object) -> P3DSmall:
    torch.manual_seed(0)
    return P3DSmall(4, (6, 8), **options)  # type: ignore[arg-type]


def random_clips(count: int) -> Tensor:
    return torch.randn(count, 3, 8, 24, 24, generator=torch.Generator().manual_seed(1))


def random_pixels(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (count, 3, 8, 24, 24), dtype=torch.uint8, generator=generator)


def prepare(pixels: Tensor) -> Tensor:
    return normalize_clips(pixels, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


def kept_bytes(network: P3DSmall, pixels: Tensor) -> int:
    """Return the size of what is kept for the backward pass, each storage once, parameters left out."""
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept: dict[int, tuple[Tensor, int]] = {}  # with the tensors, so that no place in memory is used twice

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (tensor, storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network.encode_pixels(pixels, prepare)
    return sum(size for _, size in kept.values())


def gradients(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.grad for name, value in network.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("clips_per_chunk", [1, 2, 5, 100])
@pytest.mark.parametrize("channels_last", [True, False])
def test_chunks_and_memory_layout_do_not_change_features(clips_per_chunk: int, channels_last: bool) -> None:
    clips = random_clips(5)
    expected = backbone().eval()(clips)
    chunked = backbone(clips_per_chunk=clips_per_chunk, channels_last=channels_last).eval()
    torch.testing.assert_close(chunked(clips), expected)
    assert expected.shape == (5, 8)


def test_no_clips_give_no_features() -> None:
    assert backbone()(random_clips(0)).shape == (0, 8)
    assert backbone(gradient_fraction=0.5)(random_clips(0)).shape == (0, 8)
    features = backbone().encode_pixels(random_pixels(0), prepare)
    assert (features.shape, features.dtype) == ((0, 8), torch.float32)


@pytest.mark.parametrize("training", [True, False])
def test_recomputation_changes_neither_gradients_nor_statistics(training: bool) -> None:
    clips = random_clips(4)
    kept, recomputed = backbone(clips_per_chunk=2), backbone(clips_per_chunk=2, checkpoint_chunks=True)
    for network in (kept, recomputed):
        network.train(training)
        torch.autograd.backward(network(clips).square().sum())
    expected = gradients(kept)
    assert len(expected) == 18
    for name, gradient in gradients(recomputed).items():
        torch.testing.assert_close(gradient, expected[name])
    for name, value in recomputed.state_dict().items():
        assert torch.equal(value, kept.state_dict()[name]), name
    assert all(norm.momentum == 0.1 for norm in recomputed.modules() if isinstance(norm, nn.BatchNorm3d))


def test_recomputation_keeps_nothing_but_clips_and_weights() -> None:
    def saved_numbers(network: P3DSmall) -> int:
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            network(random_clips(4))
        return sum(sizes)

    weights = sum(parameter.numel() for parameter in backbone().parameters())
    assert saved_numbers(backbone(checkpoint_chunks=True)) == random_clips(4).numel() + weights
    assert saved_numbers(backbone()) > 2 * random_clips(4).numel()


@pytest.mark.parametrize("frozen_stages", [0, 1, 2, 3])
def test_frozen_stages_keep_weights_and_statistics_in_training(frozen_stages: int) -> None:
    network = backbone(frozen_stages=frozen_stages)
    stages = network.stages()
    before = [{name: value.clone() for name, value in stage.state_dict().items()} for stage in stages]
    nn.Module.train(nn.Sequential(network).train(), mode=True)  # as a container of it does
    features = network(random_clips(4))
    if frozen_stages < 3:
        torch.autograd.backward(features.square().sum())
    for index, stage in enumerate(stages):
        is_frozen = index < frozen_stages
        changed = [name for name, value in stage.state_dict().items() if not torch.equal(value, before[index][name])]
        assert len(changed) == (0 if is_frozen else 6), changed
        assert all((parameter.grad is None) == is_frozen for parameter in stage.parameters())
        assert all(parameter.requires_grad != is_frozen for parameter in stage.parameters())
    assert features.requires_grad == (frozen_stages < 3)


def test_gradient_share_leaves_features_as_they_are_and_draws_the_clips() -> None:
    clips = random_clips(8).requires_grad_()
    network = backbone(gradient_fraction=0.25).eval()
    expected = backbone().eval()(clips).detach()
    drawn = []
    for seed in range(3):
        torch.manual_seed(seed)
        features = network(clips)
        torch.testing.assert_close(features.detach(), expected)
        (gradient,) = torch.autograd.grad(features.sum(), clips)
        drawn.append(gradient.abs().sum(dim=(1, 2, 3, 4)).gt(0).tolist())
        assert sum(drawn[-1]) == 2
    assert len({tuple(row) for row in drawn}) > 1
    with torch.no_grad():
        torch.testing.assert_close(network(clips), expected)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"frozen_stages must lie in 0\.\.3, got 4"):
        backbone(frozen_stages=4)
    with pytest.raises(ValueError, match="clips_per_chunk must be positive, got 0"):
        backbone(clips_per_chunk=0)
    with pytest.raises(ValueError, match=r"gradient_fraction must lie in \(0, 1\], got 0"):
        backbone(gradient_fraction=0)
    with pytest.raises(TypeError, match="abstract"):
        StagedBackbone()  # type: ignore[abstract]


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("checkpoint_chunks", [False, True])
def test_pixels_and_normalized_clips_have_the_same_features(share: float, checkpoint_chunks: bool) -> None:
    pixels = random_pixels(5)
    network = backbone(clips_per_chunk=2, checkpoint_chunks=checkpoint_chunks, gradient_fraction=share).eval()
    features = network.encode_pixels(pixels, prepare)
    torch.testing.assert_close(features, backbone().eval()(prepare(pixels)))
    overlapping = (
        pixels.flatten(1).contiguous().as_strided((9, 3, 8, 24, 24), (pixels.stride(0) // 2, *pixels.stride()[1:]))
    )
    torch.testing.assert_close(
        network.encode_pixels(overlapping, prepare), backbone().eval()(prepare(overlapping.contiguous()))
    )


def test_pixels_are_prepared_chunk_by_chunk() -> None:
    sizes: list[int] = []

    def count(pixels: Tensor) -> Tensor:
        sizes.append(len(pixels))
        return prepare(pixels)

    backbone(clips_per_chunk=2, gradient_fraction=0.5).eval().encode_pixels(random_pixels(7), count)
    assert sizes == [2, 2, 2, 1]


def test_by_default_only_batch_norm_in_training_needs_all_clips_at_once() -> None:
    def sizes(network: StagedBackbone) -> list[int]:
        seen: list[int] = []
        network.stages()[0][0].register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
        network(torch.zeros(CLIPS_AT_ONCE + 1, 3, 2, 4, 4))
        return seen

    assert sizes(backbone().train()) == [CLIPS_AT_ONCE + 1]
    assert sizes(backbone().eval()) == [CLIPS_AT_ONCE, 1]
    assert sizes(backbone(freeze_batch_norm=True).train()) == [CLIPS_AT_ONCE, 1]
    assert sizes(backbone(clips_per_chunk=20).train()) == [20, 13]


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_checkpoints_keep_the_pixels_once_and_hardly_anything_else(share: float) -> None:
    pixels = random_pixels(8)
    network = backbone(clips_per_chunk=2, checkpoint_chunks=True, gradient_fraction=share).eval()
    kept = kept_bytes(network, pixels)
    assert pixels.nbytes <= kept < 1.01 * pixels.nbytes
    assert kept_bytes(backbone(clips_per_chunk=2, gradient_fraction=share).eval(), pixels) > 4 * share * pixels.nbytes


def test_frozen_stages_keep_no_activations() -> None:
    pixels = random_pixels(4)
    kept = [kept_bytes(backbone(frozen_stages=count).eval(), pixels) for count in range(4)]
    assert kept == sorted(kept, reverse=True)
    assert kept[1] < kept[0] / 2  # the stem has the largest activations
    assert kept[3] == 0


def test_nothing_is_recomputed_where_everything_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(
        "aher_lightning.models.backbones.staged_backbone.encode_recomputed", lambda *_, **__: calls.append(None)
    )
    network = backbone(frozen_stages=3, checkpoint_chunks=True, gradient_fraction=0.5)
    assert not network(random_clips(3)).requires_grad
    with torch.no_grad():
        assert not backbone(checkpoint_chunks=True)(random_clips(3)).requires_grad
    assert calls == []


@pytest.mark.parametrize("precision", [None, torch.bfloat16])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_recomputed_gradients_are_the_same_to_the_bit(precision: torch.dtype | None, share: float) -> None:
    found = []
    for checkpoint_chunks in (False, True):
        network = backbone(clips_per_chunk=3, checkpoint_chunks=checkpoint_chunks, gradient_fraction=share).eval()
        torch.manual_seed(3)
        with nullcontext() if precision is None else torch.autocast("cpu", precision):
            objective = network.encode_pixels(random_pixels(8), prepare).float().square().sum()
        torch.autograd.backward(objective)  # outside of autocast: the recomputation brings its own
        found.append((gradients(network), torch.rand(())))
    (kept, drawn), (recomputed, also_drawn) = found
    assert len(kept) == 18
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in kept.values())
    assert all(torch.equal(recomputed[name], gradient) for name, gradient in kept.items())
    assert torch.equal(drawn, also_drawn)  # recomputation takes no random numbers from anybody


@pytest.mark.parametrize("clips_per_chunk", [1, 3, 8])
def test_chunks_and_checkpoints_do_not_change_gradients(clips_per_chunk: int) -> None:
    plain = backbone().eval().double()
    chunked = backbone(clips_per_chunk=clips_per_chunk, checkpoint_chunks=True, gradient_fraction=1.0).eval().double()
    for network in (plain, chunked):
        torch.autograd.backward(network(random_clips(8).double()).square().sum())
    expected = gradients(plain)
    for name, gradient in gradients(chunked).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-9, atol=1e-12)


def test_random_augmentation_is_recomputed_with_the_same_random_numbers() -> None:
    augmentation = ClipAugmentation(max_shift=3)
    found = []
    for checkpoint_chunks in (False, True):
        network = backbone(clips_per_chunk=2, checkpoint_chunks=checkpoint_chunks).eval()
        torch.manual_seed(4)
        features = network.encode_pixels(random_pixels(4), lambda pixels: augmentation(prepare(pixels)))
        torch.autograd.backward(features.square().sum())
        found.append(gradients(network))
    assert all(torch.equal(found[1][name], gradient) for name, gradient in found[0].items())


def test_the_gradient_of_a_share_is_that_of_all_clips_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean over every way to draw 2 of 4 clips, of a loss in which all clips have to do with one another."""
    clips = random_clips(4).double()

    def gradient(**options: object) -> dict[str, Tensor]:
        network = backbone(**options).eval().double()
        torch.autograd.backward(network(clips).sum(dim=0).pow(3).sum())
        return gradients(network)

    draws = []
    for pair in combinations(range(4), 2):
        order = torch.tensor([*pair, *(index for index in range(4) if index not in pair)])
        monkeypatch.setattr(torch, "randperm", lambda _, order=order: order)
        draws.append(gradient(gradient_fraction=0.5))
    first, second = (draw["stem.spatial.weight"] for draw in draws[:2])
    assert not torch.allclose(first, second)
    for name, expected in gradient().items():
        torch.testing.assert_close(torch.stack([draw[name] for draw in draws]).mean(dim=0), expected)


@pytest.mark.parametrize(("share", "count"), [(0.01, 1), (0.5, 2), (0.99, 4)])
def test_a_share_is_rounded_to_clips_and_is_never_nothing(share: float, count: int) -> None:
    clips = random_clips(4).requires_grad_()
    network = backbone(gradient_fraction=share).eval()
    (gradient,) = torch.autograd.grad(network(clips).sum(), clips)
    (whole,) = torch.autograd.grad(backbone().eval()(clips).sum(), clips)
    drawn = gradient.flatten(1).any(dim=1)
    assert int(drawn.sum()) == count
    torch.testing.assert_close(gradient[drawn], whole[drawn] * 4 / count)


@pytest.mark.parametrize("kind", [P3DSmall, P3D])
def test_frozen_batch_norm_keeps_statistics_and_learns_scales(kind: type[P3DSmall | P3D]) -> None:
    torch.manual_seed(0)
    sizes: dict[str, object] = {"blocks": (1, 1, 1, 1), "width": 4} if kind is P3D else {"stem_channels": 4}
    network = kind(freeze_batch_norm=True, frozen_stages=1, **sizes)  # type: ignore[arg-type]
    nn.Sequential(network).train()
    before = {name: value.clone() for name, value in network.named_buffers()}
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm3d | nn.BatchNorm2d)]
    assert network.training
    assert not any(norm.training for norm in norms)
    torch.autograd.backward(network(torch.randn(2, 3, 16, 32, 32)).square().sum())
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())
    frozen = {id(parameter) for parameter in network.stages()[0].parameters()}
    for norm in norms:
        assert (norm.weight.grad is None) == (norm.bias.grad is None) == (id(norm.weight) in frozen)
    assert any(id(norm.weight) in frozen for norm in norms)
