"""Pretrained networks that backbones bring, with what their publishers say of them."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch

from aher_lightning.models.base import Backbone

_FRAMES = 16
"""Frames of a clip where a network takes any number."""


class KnownNetwork(NamedTuple):
    """A pretrained network.

    Attributes:
        kind: Class of the backbone.
        name: Its option ``name``; empty if the class has one network.
        extra: What installs its package.
        parameters: Number of weights, classifier included.
        frames: Frames of a clip; ``None`` for any number.
        size: Side of its pictures in pixels.
        mean: Normalization of red, green and blue in ``[0, 1]``.
        std: Likewise.
        licence: Licence that the publisher of the weights names.
        accuracy: Published top-1 accuracy and where it is from; empty if the source gives none.
    """

    kind: str
    name: str
    extra: str
    parameters: int
    frames: int | None
    size: int
    mean: str
    std: str
    licence: str
    accuracy: str


_KINETICS = ("0.432, 0.395, 0.376", "0.228, 0.221, 0.217")
_IMAGENET = ("0.485, 0.456, 0.406", "0.229, 0.224, 0.225")
_HALF_QUARTER = ("0.45, 0.45, 0.45", "0.225, 0.225, 0.225")
_BSD = "BSD-3-Clause"


def _torchvision(
    name: str, parameters: int, frames: int | None, size: int, norm: tuple[str, str], top_1: str
) -> KnownNetwork:
    """A network of torchvision; the numbers are those of the documentation of its weights KINETICS400_V1."""
    accuracy = f"{top_1} % Kinetics-400"
    return KnownNetwork("TorchvisionBackbone", name, "torchvision", parameters, frames, size, *norm, _BSD, accuracy)


KNOWN_NETWORKS = (
    KnownNetwork(
        *("EfficientNetBackbone", "", "imagenet", 4_652_008, None, 224, *_IMAGENET),
        *("Apache-2.0", ""),
    ),
    _torchvision("r3d_18", 33_371_472, 16, 112, _KINETICS, "63.2"),
    _torchvision("mc3_18", 11_695_440, 16, 112, _KINETICS, "64.0"),
    _torchvision("r2plus1d_18", 31_505_325, 16, 112, _KINETICS, "67.5"),
    _torchvision("s3d", 8_320_048, None, 224, _KINETICS, "68.4"),
    _torchvision("mvit_v1_b", 36_610_672, 16, 224, _HALF_QUARTER, "78.5"),
    _torchvision("mvit_v2_s", 34_537_744, 16, 224, _HALF_QUARTER, "80.8"),
    _torchvision("swin3d_t", 28_158_070, 32, 224, _IMAGENET, "77.7"),
    _torchvision("swin3d_s", 49_816_678, 32, 224, _IMAGENET, "79.5"),
    _torchvision("swin3d_b", 88_048_984, 32, 224, _IMAGENET, "79.4"),
)
"""Networks with published figures. Any other network of timm and transformers works too; its card has its licence."""


def cpu_seconds_per_clip(backbone: Backbone) -> float:
    """Return the processor seconds that one clip takes here, all threads together, after one to warm up.

    Args:
        backbone: With any weights; they do not change the time.
    """
    spec = backbone.input_spec
    frames, size = (_FRAMES, 112) if spec is None else (spec.frames or _FRAMES, spec.size or 112)
    clip = torch.zeros(1, 3, frames, size, size)
    with torch.inference_mode():
        backbone.eval()(clip)
        started = time.process_time()
        backbone(clip)
    return time.process_time() - started
