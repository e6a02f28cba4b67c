from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from aher_lightning.errors import CheckpointError
from aher_lightning.models.backbones.p3d import P3D, P3D_BLOCKS
from aher_lightning.models.backbones.p3d_blocks import PseudoBottleneck
from tests.helpers.golden_fill import fill, golden_path


def small_p3d(**options: object) -> P3D:
    torch.manual_seed(0)
    return P3D(blocks=(1, 1, 2, 1), width=4, **options)  # type: ignore[arg-type]


def kinds_of(network: P3D) -> list[str]:
    layers = (network.layer1, network.layer2, network.layer3)
    return ["".join(block.kind for block in layer if isinstance(block, PseudoBottleneck)) for layer in layers]


@pytest.mark.parametrize(("frames", "size"), [(16, 32), (16, 48), (32, 32), (19, 40)])
def test_features_of_any_clip_size(frames: int, size: int) -> None:
    network = small_p3d().eval()
    assert network.out_channels == 128
    assert network(torch.randn(2, 3, frames, size, size)).shape == (2, 128)


def test_too_short_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 frames, got 8"):
        small_p3d()(torch.randn(1, 3, 8, 32, 32))


def test_longer_clips_average_their_time_steps() -> None:
    network = small_p3d().eval()
    seen: list[Tensor] = []
    network.layer4.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    features = network(torch.randn(2, 3, 48, 64, 64))
    assert seen[0].shape == (6, 128, 2, 2)
    torch.testing.assert_close(features, seen[0].reshape(2, 3, 128, 4).mean(dim=(1, 3)))


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (63, ["ABC", "ABCA", "BCABCA"]),
        (131, ["ABC", "ABCA", "BCABCABCABCABCABCABCABC"]),
        (199, ["ABC", "ABCABCAB", "CABCABCABCABCABCABCABCABCABCABCABCAB"]),
    ],
)
def test_block_kinds_cycle_over_all_stages(depth: int, expected: list[str]) -> None:
    with torch.device("meta"):
        network = P3D(depth)
    assert kinds_of(network) == expected
    assert len(network.layer4) == P3D_BLOCKS[depth][3]
    assert network.out_channels == 2048


def test_unknown_depth_and_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="depth must be one of 63, 131, 199, got 50"):
        P3D(50)
    with pytest.raises(ValueError, match=r"blocks must be four positive numbers, got \(1, 1\)"):
        P3D(blocks=(1, 1))


def test_gradients_reach_every_parameter() -> None:
    network = small_p3d(num_categories=3)
    torch.autograd.backward(network.classify(torch.randn(2, 3, 16, 64, 64)).square().sum())
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_classifier_is_optional() -> None:
    network = small_p3d(num_categories=3).eval()
    clips = torch.randn(2, 3, 16, 32, 32)
    assert network.fc is not None
    torch.testing.assert_close(network.classify(clips), network.fc(network(clips)))
    with pytest.raises(ValueError, match="no classifier; set num_categories"):
        small_p3d().classify(clips)


@pytest.mark.parametrize("frozen_stages", [1, 3, 5])
def test_frozen_stages_keep_their_statistics(frozen_stages: int) -> None:
    network = small_p3d(frozen_stages=frozen_stages).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.randn(2, 3, 16, 64, 64))
    groups = [("conv1_custom", "bn1"), ("layer1",), ("layer2",), ("layer3",), ("layer4",)]
    frozen = tuple(name for group in groups[:frozen_stages] for name in group)
    for name, value in network.state_dict().items():
        is_statistic = "running" in name or "tracked" in name
        assert torch.equal(value, before[name]) == (name.startswith(frozen) or not is_statistic), name
    assert [name for name, p in network.named_parameters() if p.requires_grad == name.startswith(frozen)] == []


def public_state(network: P3D) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {
        key: torch.rand(value.shape, generator=generator) if value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("is_nested", [True, False])
@pytest.mark.parametrize("has_counters", [True, False])
def test_weights_are_loaded_from_every_layout(tmp_path: Path, prefix: str, is_nested: bool, has_counters: bool) -> None:
    path = tmp_path / "weights.pth.tar"
    weights = public_state(small_p3d(num_categories=3))
    given = {prefix + key: value for key, value in weights.items() if has_counters or "tracked" not in key}
    torch.save({"state_dict": given, "epoch": 3} if is_nested else given, path)
    network = small_p3d()
    network.load_public_weights(path)
    assert all(torch.equal(value, weights[key]) for key, value in network.state_dict().items())
    with_classifier = small_p3d(num_categories=3)
    with_classifier.load_public_weights(path)
    assert with_classifier.fc is not None
    assert torch.equal(with_classifier.fc.weight, weights["fc.weight"])


@pytest.fixture(scope="module")
def checkpoint_63(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("public") / "p3d63.pth"
    torch.save(P3D(63, num_categories=7).state_dict(), path)
    return path


def test_from_public_checkpoint(checkpoint_63: Path) -> None:
    network = P3D.from_public_checkpoint(checkpoint_63, depth=63)
    weights = torch.load(checkpoint_63, weights_only=True)
    assert not network.training
    assert network.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[key]) for key, value in network.state_dict().items())
    assert network(torch.randn(1, 3, 16, 64, 64)).shape == (1, 2048)


def test_wrong_depth_is_named(checkpoint_63: Path) -> None:
    message = r"does not fit P3D-131: \d+ of \d+ tensors are missing, first 'layer3.6.*'; it is a P3D-63, use depth=63$"
    with pytest.raises(CheckpointError, match=message):
        P3D.from_public_checkpoint(checkpoint_63, depth=131)


def test_other_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "flow.pth"
    weights = public_state(small_p3d())
    torch.save({**weights, "conv1_custom.weight": torch.zeros(4, 2, 1, 7, 7)}, path)
    with pytest.raises(
        CheckpointError, match=r"flow.pth: does not fit P3D of .*'conv1_custom.weight' has shape \(4, 2, 1"
    ):
        small_p3d().load_public_weights(path)
    torch.save({"features.0.weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match=r"tensors are missing, first 'conv1_custom.weight'$"):
        small_p3d().load_public_weights(path)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        P3D.from_public_checkpoint(tmp_path / "absent.pth")


def golden_tensor(key: str, shape: Sequence[int]) -> Tensor:
    """Return an entry of the public state dict as the golden run filled it."""
    is_norm = ".bn" in key or key.startswith("bn") or ".downsample.1." in key
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if key.endswith("running_var"):
        low, high = 0.5, 1.5
    elif key.endswith(("running_mean", "bias")):
        low, high = -0.1, 0.1
    elif is_norm:
        low, high = (0.1, 0.3) if ".bn4." in key else (0.7, 1.1)
    else:
        high = math.sqrt((3 if key == "fc.weight" else 6) / math.prod(shape[1:]))
        low = -high
    return torch.from_numpy(fill(key, shape, low, high))


CLIPS = ("p3d_input", (1, 3, 16, 160, 160), -2, 2)
PLACES = ("maxpool", "layer1.0", "layer1.1", "layer1.2", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc")
AFTER_POOLS = tuple(f"after_maxpool_2_{stage}" for stage in (1, 2, 3))


@pytest.fixture(scope="module")
def public_p3d(tmp_path_factory: pytest.TempPathFactory) -> P3D:
    entries = json.loads(golden_path("p3d", "p3d199_state_dict.json").read_text(encoding="utf-8"))
    path = tmp_path_factory.mktemp("public") / "p3d199.pth"
    torch.save({key: golden_tensor(key, shape) for key, shape, _ in entries}, path)
    return P3D.from_public_checkpoint(path)


@pytest.fixture(scope="module")
def public_activations(public_p3d: P3D) -> dict[str, Tensor]:
    """What the modules compute; the results of the pools are what the modules after them see."""
    seen: dict[str, Tensor] = {}
    inputs = {"layer1": "maxpool", **{f"layer{stage + 1}": f"after_maxpool_2_{stage}" for stage in (1, 2, 3)}}

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
        def hook(_: nn.Module, arguments: tuple[Tensor], output: Tensor) -> None:
            seen[name] = output.contiguous()
            if name in inputs:
                seen[inputs[name]] = arguments[0].contiguous()

        return hook

    modules = dict(public_p3d.named_modules())
    handles = [modules[name].register_forward_hook(note(name)) for name in PLACES if name in modules]
    clips = torch.from_numpy(fill(*CLIPS))
    with torch.inference_mode():
        seen["avgpool"] = public_p3d(clips)
        seen["fc"] = public_p3d.classify(clips)
        # The network folds the norm into the convolution, so that neither is called by itself.
        seen["conv1_custom"] = public_p3d.conv1_custom(clips)
        seen["bn1"] = public_p3d.bn1(seen["conv1_custom"])
    for handle in handles:
        handle.remove()
    return seen


def relative_error(actual: Tensor, expected: npt.NDArray[np.floating[Any]]) -> float:
    """Return the largest absolute difference as a share of the largest absolute value expected."""
    assert actual.shape == expected.shape
    return float(np.abs(actual.numpy() - expected).max() / np.abs(expected).max())


@pytest.mark.golden
@pytest.mark.slow
def test_public_p3d_199(public_activations: dict[str, Tensor]) -> None:
    golden = np.load(golden_path("p3d", "p3d199_forward.npz"))
    for name, place in (("pooled", "avgpool"), ("logits", "fc")):
        assert relative_error(public_activations[place], golden[name]) <= 1e-5
        assert relative_error(public_activations[place], golden[f"{name}_float64"]) <= 1e-5


@pytest.mark.golden
@pytest.mark.slow
def test_public_p3d_199_in_double_precision(public_p3d: P3D) -> None:
    golden = np.load(golden_path("p3d", "p3d199_forward.npz"))
    network = copy.deepcopy(public_p3d).double()
    with torch.inference_mode():
        pooled = network(torch.from_numpy(fill(*CLIPS)).double())
        logits = cast("nn.Linear", network.fc)(pooled)
    assert relative_error(pooled, golden["pooled_float64"]) <= 1e-12
    assert relative_error(logits, golden["logits_float64"]) <= 1e-12


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv1_custom", "bn1", *PLACES, *AFTER_POOLS])
def test_public_activations(public_activations: dict[str, Tensor], name: str) -> None:
    golden = np.load(golden_path("p3d", "p3d199_forward.npz"))
    facts = json.loads(golden_path("p3d", "p3d199_facts.json").read_text(encoding="utf-8"))[name]
    activation = public_activations[name]
    flat = activation.flatten()
    assert relative_error(flat[:: max(1, len(flat) // 512)][:512], golden[f"sub_{name}"]) <= 1e-5
    # Behind the last pool of time one step is left, which the 2D stage and what follows do without.
    sizes = [size for size in facts["shape"] if size > 1]
    assert [size for size in activation.shape if size > 1] == sizes
    assert activation.double().mean().item() == pytest.approx(facts["mean"], abs=1e-5 * facts["absmax"])
    assert activation.double().std().item() == pytest.approx(facts["std"], rel=1e-5)
    assert activation.abs().max().item() == pytest.approx(facts["absmax"], rel=1e-5)
    assert (activation > 0).double().mean().item() == pytest.approx(facts["frac_pos"], abs=1e-5)


@pytest.mark.golden
def test_public_state_dict_and_facts() -> None:
    entries = json.loads(golden_path("p3d", "p3d199_state_dict.json").read_text(encoding="utf-8"))
    facts = json.loads(golden_path("p3d", "p3d199_facts.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        network = P3D(199, num_categories=400).eval()
    state = network.state_dict()
    mine = [[key, list(value.shape), str(value.dtype).removeprefix("torch.")] for key, value in state.items()]
    assert mine == entries
    assert len(state) == facts["n_state_keys"]
    assert sum(map(torch.numel, network.parameters())) == facts["params_total"] == 66_492_240
    assert sum(map(torch.numel, network.buffers())) == facts["buffers"]
    assert network.fc is not None
    assert sum(map(torch.numel, network.fc.parameters())) == facts["params_fc"]
    kinds = {f"layer{stage}.{i}": kind for stage, row in enumerate(kinds_of(network), 1) for i, kind in enumerate(row)}
    assert kinds | {f"layer4.{i}": "2D" for i in range(len(network.layer4))} == dict(facts["st_types"])


@pytest.mark.golden
def test_public_operation_counts() -> None:
    facts = json.loads(golden_path("p3d", "p3d199_facts.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        network = P3D(199, num_categories=400).eval()
        with FlopCounterMode(display=False, depth=2) as counter:
            network.classify(torch.empty(1, 3, 16, 160, 160))
    counts = {name: sum(operations.values()) for name, operations in counter.get_flop_counts().items()}
    counts["P3D.conv1_custom"] = counts["P3D"] - sum(counts[f"P3D.layer{stage}"] for stage in (1, 2, 3, 4))
    expected = facts["flops_per_module"]
    del expected["P3D"]  # includes the classifier, which ours calls from outside of its forward
    assert {name: counts[name] for name in expected} == expected
    assert counter.get_total_flops() == facts["flops_total"] == 2 * facts["macs_total"]
