from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from jsonargparse import ArgumentParser

from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.models.backbones.huggingface_backbone import VIDEO_FAMILIES, HuggingFaceBackbone
from aher_lightning.models.backbones.own_weights import weights_come_later
from aher_lightning.models.base import Backbone
from tests.helpers.pretrained import TINY_CONFIGS, hide, saved_network

needs_transformers = pytest.mark.usefixtures("transformers")


@pytest.fixture
def transformers(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return pytest.importorskip("transformers", reason="transformers is not installed")


def random_network(kind: str) -> HuggingFaceBackbone:
    torch.manual_seed(0)
    return HuggingFaceBackbone("org/net", weights=None, config={"model_type": kind, **TINY_CONFIGS[kind]})


@needs_transformers
@pytest.mark.parametrize("kind", VIDEO_FAMILIES)
def test_features_of_every_type_depend_on_their_clip_alone(kind: str) -> None:
    backbone = random_network(kind)
    clips = torch.randn(5, 3, 4, 32, 32)
    features = backbone(clips)
    assert features.shape == (5, backbone.out_channels)
    torch.testing.assert_close(features[3:4], backbone(clips[3:4]), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(features[3], features[2], atol=1e-3)
    spec = backbone.input_spec
    assert (spec.frames, spec.size, spec.resize) == (4, 32, 32)


@needs_transformers
def test_hidden_states_are_pooled_as_their_type_says() -> None:
    for kind, is_first in (("videomae", False), ("vivit", True)):
        backbone = random_network(kind)
        clips = torch.randn(2, 3, 4, 32, 32)
        states = backbone.network(pixel_values=clips.transpose(1, 2)).last_hidden_state
        torch.testing.assert_close(backbone(clips), states[:, 0] if is_first else states.mean(dim=1))


@needs_transformers
@pytest.mark.parametrize("kind", VIDEO_FAMILIES)
def test_a_folder_of_the_library_is_loaded(kind: str, tmp_path: Path) -> None:
    folder = saved_network(tmp_path / "net", kind)
    first, second = HuggingFaceBackbone(str(folder)), HuggingFaceBackbone(str(folder))
    clips = torch.randn(1, 3, 4, 32, 32)
    assert not torch.equal(first(clips), second(clips))  # random until asked to load
    first.load_own_weights()
    second.load_own_weights()
    assert torch.equal(first(clips), second(clips))
    assert first.own_sha256 == second.own_sha256 != ""
    assert first.fetchable_sha256 == ""
    assert first.feature_options == "{}"


@needs_transformers
@pytest.mark.parametrize("kind", VIDEO_FAMILIES)
def test_stored_options_rebuild_the_network_without_a_hub(kind: str, tmp_path: Path) -> None:
    original = HuggingFaceBackbone(str(saved_network(tmp_path / "a.net", kind)))
    stored = original.stored_options()
    assert (stored["name"], stored["weights"]) == ("a-net", None)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(Backbone, "backbone")
    value = {"class_path": "aher_lightning.models.HuggingFaceBackbone", "init_args": json.loads(json.dumps(stored))}
    with weights_come_later(offline=True):
        rebuilt = parser.instantiate_classes(parser.parse_object({"backbone": value})).backbone
    rebuilt.load_state_dict(original.state_dict())
    clips = torch.randn(1, 3, 4, 32, 32)
    assert torch.equal(rebuilt(clips), original(clips))
    assert rebuilt.input_spec == original.input_spec


@needs_transformers
def test_weights_of_a_hub_stay_named() -> None:
    config = {"model_type": "videomae", **TINY_CONFIGS["videomae"]}
    stored = HuggingFaceBackbone("MCG-NJU/videomae-base", config=config).stored_options()
    assert stored["name"] == "MCG-NJU/videomae-base"
    assert "weights" not in stored
    assert not any("/" in str(value) for value in stored["config"].values())  # type: ignore[attr-defined]


@needs_transformers
def test_nothing_is_asked_of_a_hub_to_rebuild() -> None:
    with (
        weights_come_later(offline=True),
        pytest.raises(CheckpointError, match="'org/net' is not in the checkpoint, and"),
    ):
        HuggingFaceBackbone("org/net")


def test_without_a_network_the_folder_that_would_do_is_named(
    transformers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", fail)
    message = r"configuration of 'org/net' \(no route to host\); without a network, fetch config\.json and model\.safet"
    with pytest.raises(CheckpointError, match=message) as caught:
        HuggingFaceBackbone("org/net")
    assert "\n" not in str(caught.value)


@needs_transformers
def test_weights_that_lack_tensors_are_refused(tmp_path: Path) -> None:
    folder = saved_network(tmp_path / "net", "videomae")
    wider = {"model_type": "videomae", **TINY_CONFIGS["videomae"], "num_hidden_layers": 2}
    with pytest.raises(CheckpointError, match=r"lack \d+ tensors of the network, first 'encoder.layer.1"):
        HuggingFaceBackbone(str(folder), config=wider).load_own_weights()


@needs_transformers
def test_other_networks_are_refused() -> None:
    with pytest.raises(ConfigError, match="'config' needs a model_type among videomae, timesformer, vivit, vjepa2"):
        HuggingFaceBackbone("org/net", config={"model_type": "bert"})


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "transformers")
    with pytest.raises(ConfigError, match=r'HuggingFaceBackbone needs packages .*"aher-lightning\[transformers\]"'):
        HuggingFaceBackbone("org/net")
