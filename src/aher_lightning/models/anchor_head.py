"""The head of the paper: anchors of several widths per cell, with offsets and a predicted overlap."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aher_lightning.losses.anchor_loss import AnchorLoss
from aher_lightning.losses.options import ActionnessOptions, MatchingOptions, OffsetOptions, OverlapOptions
from aher_lightning.models.anchors import generate_anchors
from aher_lightning.models.base import Head
from aher_lightning.models.convolution import SameConv1d
from aher_lightning.ops.coding import decode_offsets
from aher_lightning.ops.matching import BACKGROUND, FOREGROUND, AnchorMatches, nearest_instances
from aher_lightning.ops.precision import to_float32
from aher_lightning.ops.segments import centre_width_to_segments, clip_segments
from aher_lightning.structures import HeadOutputs, Proposals, Targets


class AnchorHead(Head):
    """Predict offsets, overlap and actionness of every anchor.

    One convolution per level computes all three, whose channels come in that order; the paper's and the authors'
    separate convolutions are the same function in more passes. Outputs are "offsets" ``(B, A, 2)``, "overlaps" in
    ``[0, 1]`` ``(B, A)``, and "actionness", logits of background and action, ``(B, A, 2)``.

    Implements sections 3.3 to 3.5 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705; the actionness output exists in the authors' code only. Each difference is an option, see
    docs/faithfulness.md.

    Args:
        level_channels: Channels ``d_j`` of each level.
        level_lengths: Cells ``n_j`` of each level.
        scale_ratios: Anchor widths in units of a cell, R of them.
        use_actionness: Whether to predict action against background.
        matching: Which anchors are foreground and background.
        offset: How offsets are compared.
        overlap: Where the predicted overlap is compared.
        actionness: How actionness is learnt; ignored without that output.
        centre_scale: alpha_1 of Eq. 5; 1 in the paper, 0.1 in the authors' code.
        width_scale: alpha_2 of Eq. 5; 1 in the paper, 0.1 in the authors' code.

    Raises:
        ConfigError: If a scale is not positive, or an option needs the actionness output that is off.

    Attributes:
        anchors: Default segments ``(centre, width)``, normalized, ``(A, 2)``.
        loss: The proposal loss.
    """

    anchors: Tensor

    def __init__(
        self,
        level_channels: Sequence[int],
        level_lengths: Sequence[int],
        *,
        scale_ratios: Sequence[float] = (1.0, 2 ** (1 / 3), 2 ** (2 / 3)),
        use_actionness: bool = True,
        matching: MatchingOptions | None = None,
        offset: OffsetOptions | None = None,
        overlap: OverlapOptions | None = None,
        actionness: ActionnessOptions | None = None,
        centre_scale: float = 1.0,
        width_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.predictions_per_cell = len(scale_ratios)
        self.loss = AnchorLoss(
            matching=matching,
            offset=offset,
            overlap=overlap,
            actionness=actionness,
            centre_scale=centre_scale,
            width_scale=width_scale,
            use_actionness=use_actionness,
        )
        self.split_sizes = [width * len(scale_ratios) for width in ((2, 1, 2) if use_actionness else (2, 1))]
        # Small weights: predictions start near the anchors themselves and near an overlap of one half.
        self.levels = nn.ModuleList(SameConv1d(width, sum(self.split_sizes), gain=0.1) for width in level_channels)
        self.register_buffer("anchors", generate_anchors(level_lengths, scale_ratios), persistent=False)

    def forward(self, levels: Sequence[Tensor]) -> HeadOutputs:
        """Return offsets, overlaps and actionness of all anchors; see :meth:`Head.forward`."""
        by_level = [self._predict(*pair) for pair in zip(self.levels, levels, strict=True)]
        return {name: torch.cat([outputs[name] for outputs in by_level], dim=1) for name in by_level[0]}

    def _predict(self, convolution: nn.Module, features: Tensor) -> HeadOutputs:
        """Outputs of one level, anchors of a cell next to each other."""
        by_cell = to_float32(convolution(features)).transpose(1, 2)
        offsets, overlaps, *actionness = torch.split(by_cell, self.split_sizes, dim=-1)
        batch = features.shape[0]
        outputs = {"offsets": offsets.reshape(batch, -1, 2), "overlaps": overlaps.reshape(batch, -1).sigmoid()}
        if actionness:
            outputs["actionness"] = actionness[0].reshape(batch, -1, 2)
        return outputs

    def match(self, segments: Tensor, labels: Tensor) -> Targets:
        """Match anchors with ground truth; see :meth:`Head.match`.

        A cell takes the instance of its best anchor, foreground ones first; without any overlap, the nearest instance.
        """
        matches = self.loss.match(self.anchors, segments, labels)
        by_cell = (len(segments), len(self.anchors) // self.predictions_per_cell, self.predictions_per_cell)
        overlaps, indices, states = (field.view(by_cell) for field in matches)
        is_foreground = states == FOREGROUND  # (B, N, R)
        best_overlaps, best = (overlaps + is_foreground).max(dim=-1, keepdim=True)
        centres = self.anchors[:: self.predictions_per_cell, 0]
        nearest = nearest_instances(centres, segments, labels >= 0)
        return Targets(
            is_foreground=is_foreground.any(dim=-1),
            instances=torch.where(best_overlaps > 0, indices.gather(-1, best), nearest.unsqueeze(-1)).squeeze(-1),
            is_background=matches.states == BACKGROUND,
            details={**matches._asdict(), "segments": segments},
        )

    def proposal_loss(self, outputs: HeadOutputs, targets: Targets) -> Tensor:
        """Return the sum of offset, overlap and actionness loss; see :meth:`Head.proposal_loss`."""
        matches = AnchorMatches(*(targets.details[name] for name in AnchorMatches._fields))
        return self.loss(outputs, self.anchors, matches, targets.details["segments"]).total

    def decode(self, outputs: HeadOutputs) -> Proposals:
        """Return the segments that anchors were moved to, overlaps and actionness; see :meth:`Head.decode`."""
        moved = decode_offsets(self.anchors, outputs["offsets"], self.loss.centre_scale, self.loss.width_scale)
        logits = outputs.get("actionness")
        actionness = None if logits is None else logits.softmax(dim=-1)[..., FOREGROUND]
        return Proposals(clip_segments(centre_width_to_segments(moved)), outputs["overlaps"], actionness)
