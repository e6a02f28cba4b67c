"""AherNet from the pixels of toy clips, gradients reaching a small backbone."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from aher_lightning.datasets.snippet_source import VideoSource
from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.models.base import Backbone
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.phases import TransferPhase
from aher_lightning.ops.randomness import random_generator
from aher_lightning.structures import SnippetSequence
from tests.helpers.toy import CATEGORIES, CHANNELS, ToyDataModule, ToySource, toy_loss, toy_network
from tests.helpers.training import small_contract

SIZE = 12
"""Side of a picture in pixels. Of smaller ones the last stage sees a single pixel, and torch's gradients of such a
convolution of stride 2 in bfloat16 on the CPU are not filled in."""


class PixelSource:
    """Noise whose brightness tells what the features of the toy data would tell.

    Args:
        features: Source of these features.
    """

    def __init__(self, features: ToySource) -> None:
        self.features = features

    @property
    def video_ids(self) -> list[str]:
        return self.features.video_ids

    def duration_sec(self, video_id: str) -> float:
        return self.features.duration_sec(video_id)

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        sequence = self.features.read(video_id, span_sec)
        brightness = (sequence.values @ torch.arange(1.0, CHANNELS + 1)).view(-1, 1, 1, 1, 1)
        noise = torch.randn(len(brightness), 3, 4, SIZE, SIZE, generator=random_generator(video_id, "pixels"))
        return sequence._replace(values=(128 + 12 * brightness * noise).clamp(0, 255).byte())


class PixelDataModule(ToyDataModule):
    """The toy data as clips of 4 frames."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"contract": small_contract(resize=SIZE, crop=SIZE), "batch_size": 2} | options))

    @property
    def source(self) -> VideoSource:
        return PixelSource(ToySource(self.videos, self.moment_clips()))


def tiny_backbone(**options: Any) -> P3DSmall:
    """Return a backbone for these clips, with seeded weights."""
    torch.manual_seed(0)
    return P3DSmall(4, (6, CHANNELS), **options)


def end_to_end_module(backbone: Backbone | None = None, **options: Any) -> AherModule:
    """Return a module whose transfer phase teaches the backbone too, with seeded weights."""
    backbone = tiny_backbone() if backbone is None else backbone
    torch.manual_seed(0)
    transfer = {"groups": ("pyramid", "heads", "transfer", "backbone"), **options.pop("transfer", {})}
    settings: dict[str, Any] = {
        "optimizer": partial(torch.optim.Adam, lr=1e-3),
        "transfer": TransferPhase(**transfer),
        "network": toy_network,
    }
    return AherModule(CATEGORIES, backbone=backbone, loss=toy_loss(), **(settings | options))


def first_pixel_batch() -> Any:
    """Return the first training batch."""
    batch, _, _ = next(iter(PixelDataModule().train_dataloader()))
    return batch


def backbone_gradients(module: AherModule, batch: Any, *, seed: int = 0) -> dict[str, Tensor]:
    """Return the gradients of the transfer phase's losses in the backbone."""
    module.train()
    module.contract = small_contract(resize=SIZE, crop=SIZE)
    module.zero_grad()
    torch.manual_seed(seed)
    data = module.iteration_data(batch)
    losses = module.transfer.losses(module.network, module.loss, data)
    torch.autograd.backward(torch.stack(list(losses.values())).sum())
    return {name: value.grad for name, value in module.backbone.named_parameters() if value.grad is not None}
