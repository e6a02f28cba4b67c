from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from aher_lightning.models.p3d_small import P3DSmall
from aher_lightning.models.staged_backbone import StagedBackbone


def backbone(**options: object) -> P3DSmall:
    torch.manual_seed(0)
    return P3DSmall(4, (6, 8), **options)  # type: ignore[arg-type]


def random_clips(count: int) -> Tensor:
    return torch.randn(count, 3, 8, 24, 24, generator=torch.Generator().manual_seed(1))


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
    assert backbone(gradient_share=0.5)(random_clips(0)).shape == (0, 8)


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


def test_recomputation_keeps_nothing_but_the_clips() -> None:
    def saved_numbers(network: P3DSmall) -> int:
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            network(random_clips(4))
        return sum(sizes)

    assert saved_numbers(backbone(checkpoint_chunks=True)) == random_clips(4).numel()
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
    network = backbone(gradient_share=0.25).eval()
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
    with pytest.raises(ValueError, match=r"gradient_share must lie in \(0, 1\], got 0"):
        backbone(gradient_share=0)
    with pytest.raises(TypeError, match="abstract"):
        StagedBackbone()  # type: ignore[abstract]
