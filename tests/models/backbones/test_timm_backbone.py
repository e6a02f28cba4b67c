from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.models.backbones.frame_pooling import pool_frames
from aher_lightning.models.backbones.timm_backbone import TimmBackbone
from aher_lightning.structures import InputSpec
from tests.helpers.pretrained import TinyImageNet, hide, install_timm, state_of

NAME = "tiny.a1_in1k"


@pytest.fixture(autouse=True)
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    install_timm(monkeypatch)


def test_it_pools_the_features_of_frames() -> None:
    backbone = TimmBackbone(NAME, pools=["mean", "trend"])
    clips = torch.randn(3, 3, 4, 16, 16)
    frames = torch.stack([backbone.network(clips[:, :, frame]) for frame in range(4)], dim=1)
    assert backbone.out_channels == 10
    torch.testing.assert_close(backbone(clips), pool_frames(frames, ["mean", "trend"]))


def test_it_wants_the_pictures_of_its_network() -> None:
    assert TimmBackbone(NAME).input_spec == InputSpec(None, 16, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), None, 20)


def test_weights_come_by_name_or_from_a_file(tmp_path: Path) -> None:
    named = TimmBackbone(NAME)
    named.load_own_weights()
    expected = state_of(TinyImageNet(), 2)
    assert torch.equal(named.network.state_dict()["stem.weight"], expected["stem.weight"])
    torch.save({**expected, "fc.weight": torch.ones(3)}, tmp_path / "w.pth")
    local = TimmBackbone(NAME, weights=str(tmp_path / "w.pth"))
    local.load_own_weights()
    assert local.own_sha256 == named.own_sha256
    assert named.fetchable_sha256 == ""
    assert TimmBackbone(NAME).feature_options == '{"name": "tiny.a1_in1k"}'


def test_without_a_network_the_file_that_would_do_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    install_timm(monkeypatch, OSError("no\nroute to host"))
    with pytest.raises(
        CheckpointError, match=r"'tiny\.a1_in1k' \(OSError: no route.*fetch the model\.safetensors"
    ) as caught:
        TimmBackbone(NAME).load_own_weights()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["hf-hub:someone/net", "local-dir:/tmp/net", "someone/net"])
def test_networks_that_a_hub_would_define_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is no name of timm's own; list them with timm\.list_models\(\)"):
        TimmBackbone(name)


def test_an_unknown_network_or_a_missing_package_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"timm has no network 'resnot' \(Unknown model \(resnot\)\); list them"):
        TimmBackbone("resnot")
    hide(monkeypatch, "timm")
    with pytest.raises(ConfigError, match=r'TimmBackbone needs packages .* pip install "aher-lightning\[timm\]"'):
        TimmBackbone(NAME)
