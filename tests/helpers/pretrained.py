"""Stand-ins for torchvision and timm, of the interface that backbones use, and tiny configurations of transformers."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

TINY = {
    "num_frames": 4,
    "image_size": 32,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
TINY_CONFIGS: dict[str, dict[str, Any]] = {
    "videomae": {**TINY, "patch_size": 16},
    "timesformer": {**TINY, "patch_size": 16},
    "vivit": {**TINY, "tubelet_size": [2, 16, 16]},
    "vjepa2": {
        "frames_per_clip": 4,
        "crop_size": 32,
        "hidden_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "mlp_ratio": 2.0,
        "pred_hidden_size": 24,
        "pred_num_attention_heads": 2,
        "pred_num_hidden_layers": 1,
    },
}
"""Networks of a few thousand weights, one of each type."""


class TinyVideoNet(nn.Module):
    """A video network as torchvision makes them: something convolutional, pooled, and a classifier."""

    def __init__(self, head: str) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, 6, 3, padding=1)
        self.head_name = head
        setattr(self, head, nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 400)))

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        pooled = self.stem(clips).relu().mean(dim=(2, 3, 4))
        logits: torch.Tensor = getattr(self, self.head_name)(pooled)
        return logits


class TinyImageNet(nn.Module):
    """An image network as timm makes them, without classifier."""

    num_features = 5
    pretrained_cfg = {"input_size": (3, 16, 16), "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "crop_pct": 0.8}

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 5, 3)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        pooled: torch.Tensor = self.stem(pictures).mean(dim=(2, 3))
        return pooled


def state_of(network: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Weights of the shapes of a network, the same for a seed."""
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(value.shape, generator=generator) for name, value in network.state_dict().items()}


def install(monkeypatch: pytest.MonkeyPatch, name: str, **members: object) -> ModuleType:
    """Make a module importable that has these members."""
    module = ModuleType(name)
    for member, value in members.items():
        setattr(module, member, value)
    monkeypatch.setitem(sys.modules, name, module)
    return module


def install_torchvision(monkeypatch: pytest.MonkeyPatch, failure: Exception | None = None) -> None:
    """Stand in for torchvision; fetching weights raises the failure if there is one."""
    pictures = SimpleNamespace(crop_size=[16], resize_size=[20, 30], mean=[0.4] * 3, std=[0.2] * 3)

    def network(name: str, weights: None = None) -> TinyVideoNet:
        assert weights is None  # which would be downloaded
        heads = {"s3d": "classifier", "r3d_18": "fc", "mc3_18": "fc", "r2plus1d_18": "fc"}
        return TinyVideoNet(heads.get(name, "head"))

    def published(name: str) -> type[Enum]:
        class Weights(Enum):
            KINETICS400_V1 = 1
            DEFAULT = KINETICS400_V1

            url = property(lambda _: f"https://example.org/{name}-0a1b2c3d.pth")

            def transforms(self) -> SimpleNamespace:
                return pictures

            def get_state_dict(self, *, progress: bool, check_hash: bool) -> dict[str, torch.Tensor]:
                assert check_hash
                assert not progress
                if failure is not None:
                    raise failure
                return state_of(network(name), 1)

        return Weights

    install(monkeypatch, "torchvision", models=SimpleNamespace(get_model=network, get_model_weights=published))


def install_timm(monkeypatch: pytest.MonkeyPatch, failure: Exception | None = None) -> None:
    """Stand in for timm; fetching weights raises the failure if there is one."""

    def create_model(name: str, *, pretrained: bool, num_classes: int) -> TinyImageNet:
        if name != "tiny.a1_in1k":
            raise RuntimeError(f"Unknown model ({name})")
        assert num_classes == 0
        network = TinyImageNet()
        if pretrained:
            if failure is not None:
                raise failure
            network.load_state_dict(state_of(network, 2))
        return network

    install(monkeypatch, "timm", create_model=create_model)


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make packages impossible to import, as if they were not installed."""
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def saved_network(folder: Path, kind: str) -> Path:
    """Write a tiny network of transformers by the library itself; skips the test without the library."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **TINY_CONFIGS[kind])
    transformers.utils.logging.disable_progress_bar()
    options = {"add_pooling_layer": False} if kind == "vivit" else {}
    transformers.AutoModel.from_config(config, **options).save_pretrained(folder)
    return folder
