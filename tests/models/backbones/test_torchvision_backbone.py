from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.models.backbones.own_weights import weights_come_later
from aher_lightning.models.backbones.torchvision_backbone import VIDEO_NETWORKS, TorchvisionBackbone
from tests.helpers.pretrained import TinyVideoNet, hide, install_torchvision, state_of


@pytest.fixture(autouse=True)
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    install_torchvision(monkeypatch)


@pytest.mark.parametrize("name", VIDEO_NETWORKS)
def test_features_are_what_the_classifier_would_see(name: str) -> None:
    backbone = TorchvisionBackbone(name)
    clips = torch.randn(5, 3, 16, 16, 16)
    stem = backbone.network.get_submodule("stem")
    features = backbone(clips)
    assert features.shape == (5, backbone.out_channels) == (5, 6)
    torch.testing.assert_close(features, stem(clips).relu().mean(dim=(2, 3, 4)))


@pytest.mark.parametrize(("name", "frames", "fps"), [("r3d_18", 16, 15.0), ("mvit_v2_s", 16, 7.5), ("s3d", None, 15.0)])
def test_it_wants_what_torchvision_evaluated(name: str, frames: int | None, fps: float) -> None:
    spec = TorchvisionBackbone(name).input_spec
    assert (spec.frames, spec.fps, spec.size, spec.resize) == (frames, fps, 16, 20)
    assert (spec.mean, spec.std) == ((0.4,) * 3, (0.2,) * 3)


@pytest.mark.parametrize("weights", ["KINETICS400_V1", "DEFAULT"])
def test_weights_come_by_their_name_in_torchvision(weights: str) -> None:
    backbone = TorchvisionBackbone("r3d_18", weights=weights)
    backbone.load_own_weights()
    assert torch.equal(backbone.network.state_dict()["stem.bias"], state_of(TinyVideoNet("fc"), 1)["stem.bias"])
    assert backbone.fetchable_sha256 == backbone.own_sha256
    assert backbone.weights_name == f"r3d_18 {weights}"
    assert backbone.stored_options() == {}


def test_weights_come_from_a_file_of_the_whole_classifier(tmp_path: Path) -> None:
    torch.save(TinyVideoNet("fc").state_dict(), tmp_path / "r3d_18.pth")
    backbone = TorchvisionBackbone("r3d_18", weights=str(tmp_path / "r3d_18.pth"))
    backbone.load_own_weights()
    assert backbone.fetchable_sha256 == ""
    assert backbone.stored_options() == {"weights": None}


def test_without_a_network_the_file_that_would_do_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_torchvision(monkeypatch, URLError("no route to host"))
    message = (
        r"cannot fetch the weights DEFAULT of s3d .*; without a network, fetch s3d-0a1b2c3d\.pth elsewhere and give"
    )
    with pytest.raises(CheckpointError, match=message):
        TorchvisionBackbone("s3d").load_own_weights()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with (
        weights_come_later(offline=True),
        pytest.raises(CheckpointError, match=r"there is no .*s3d-0a1b2c3d\.pth; fetch"),
    ):
        TorchvisionBackbone("s3d").load_own_weights()


def test_an_unknown_network_or_a_missing_package_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"no network 'r3d_19'; choose from r3d_18, mc3_18"):
        TorchvisionBackbone("r3d_19")
    hide(monkeypatch, "torchvision")
    with pytest.raises(ConfigError, match=r'TorchvisionBackbone needs packages .*"aher-lightning\[torchvision\]"'):
        TorchvisionBackbone("r3d_18")
