"""The networks as exported: tensors in, tensors out, without selection or suppression."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aher_lightning.models.aher_net import LevelClassifier
from aher_lightning.models.backbones.staged_backbone import StagedBackbone
from aher_lightning.models.base import Backbone
from aher_lightning.modules.phased import PhasedModule


class LocalizerGraph(nn.Module):
    """From feature sequences to scored segments of all predictions; suppression and seconds are left to the caller.

    Anchor-level classifiers are computed once, so the transfer functions are no longer needed.

    Args:
        module: A trained localizer; its evaluated categories are exported.
    """

    def __init__(self, module: PhasedModule) -> None:
        super().__init__()
        self.network = module.network
        self.decoder = module.decoder
        self.category_set = module.categories.evaluated
        with torch.no_grad():
            classifiers = module.network.anchor_classifiers(self.category_set)
        self.num_levels = len(classifiers)
        for level, (weight, bias) in enumerate(classifiers):
            self.register_buffer(f"weight_{level}", weight)
            self.register_buffer(f"bias_{level}", bias)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Return what the network says.

        Args:
            features: Feature sequences, shape ``(B, C, T)``.

        Returns:
            For the A predictions of B videos: "segments", ``(start, end)`` normalized and clipped to the video,
            ``(B, A, 2)``; "scores" of the decoder's k best categories, descending, ``(B, A, k)``, ``-inf`` where
            nothing of the segment lies in the video; "labels", their indices, int64 ``(B, A, k)``; "probabilities" of
            every category, ``(B, A, K)``; what the head adds.
        """
        classifiers = [
            LevelClassifier(self.get_buffer(f"weight_{level}"), self.get_buffer(f"bias_{level}"))
            for level in range(self.num_levels)
        ]
        outputs = self.network.localize(self.network.levels(features), self.category_set, classifiers)
        head = self.network.head
        candidates = self.decoder.candidates(outputs, head)
        by_cell = outputs.class_logits.softmax(dim=1).transpose(1, 2)  # (B, N, K)
        probabilities = by_cell.repeat_interleave(head.predictions_per_cell, dim=1)
        return candidates._asdict() | {"probabilities": probabilities} | head.export_outputs(outputs.head)


class BackboneGraph(nn.Module):
    """From normalized clips to features, all clips at once.

    Args:
        backbone: The network.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, clips: Tensor) -> Tensor:
        """Return one feature vector per clip.

        Args:
            clips: Normalized clips, shape ``(N, 3, F, H, W)``.

        Returns:
            Features, shape ``(N, C)``.
        """
        # Parts of a few clips save memory in training; in a graph they would fix the number of clips.
        if isinstance(self.backbone, StagedBackbone):
            return self.backbone.encode(clips)
        features: Tensor = self.backbone(clips)
        return features
