from __future__ import annotations

import pytest
import torch

from aher_lightning import models
from aher_lightning.models.backbones.known_networks import KNOWN_NETWORKS, KnownNetwork, cpu_seconds_per_clip
from aher_lightning.models.backbones.pretrained_backbone import PretrainedBackbone
from aher_lightning.models.backbones.torchvision_backbone import VIDEO_NETWORKS
from tests.helpers.toy import MeanBackbone


def test_every_known_network_has_its_backbone_and_every_video_network_is_known() -> None:
    for known in KNOWN_NETWORKS:
        assert issubclass(getattr(models, known.kind), PretrainedBackbone)
    assert [known.name for known in KNOWN_NETWORKS if known.kind == "TorchvisionBackbone"] == list(VIDEO_NETWORKS)
    frames = {known.name: known.frames for known in KNOWN_NETWORKS if known.extra == "torchvision"}
    assert frames == {name: one.frames for name, one in VIDEO_NETWORKS.items()}


def test_the_time_of_a_clip_is_measured_on_its_own() -> None:
    backbone = MeanBackbone()
    shapes: list[torch.Size] = []
    backbone.register_forward_hook(lambda _, inputs, __: shapes.append(inputs[0].shape))
    assert 0 <= cpu_seconds_per_clip(backbone) < 60
    assert shapes == [torch.Size((1, 3, 16, 112, 112))] * 2


@pytest.mark.parametrize("known", KNOWN_NETWORKS, ids=lambda known: f"{known.kind} {known.name}")
def test_published_figures_are_those_of_the_installed_package(known: KnownNetwork) -> None:
    package = {"torchvision": "torchvision", "imagenet": "efficientnet_lite_pytorch"}[known.extra]
    pytest.importorskip(package, reason=f"the extra '{known.extra}' is not installed")
    backbone = getattr(models, known.kind)(weights=None, **({"name": known.name} if known.name else {}))
    spec = backbone.input_spec
    assert (spec.frames, spec.size) == (known.frames, known.size)
    assert ", ".join(f"{value:.3f}" for value in spec.mean) == ", ".join(
        f"{float(one):.3f}" for one in known.mean.split(",")
    )
    assert sum(weight.numel() for weight in backbone.parameters()) <= known.parameters
