"""An anchor-free head, as another package would add it: every cell is a point with distances to start and end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.losses.reduction import num_processes, sum_over_processes
from aher_lightning.models.base import Head
from aher_lightning.models.convolution import SameConv1d
from aher_lightning.ops.matching import gather_matched_segments
from aher_lightning.ops.precision import to_float32
from aher_lightning.ops.segments import clip_segments, segments_to_centre_width, temporal_iou
from aher_lightning.structures import HeadOutputs, Proposals, Targets


class PointHead(Head):
    """Predict the distances from the centre of each cell to start and end, and the tIoU of the result.

    A point learns the shortest of the instances that it lies in and whose farther end is about as far away as its level
    is coarse. Outputs are "logits" of the tIoU ``(B, N)`` and "distances" in units of a cell ``(B, N, 2)``.

    Args:
        level_channels: Channels ``d_j`` of each level.
        level_lengths: Cells ``n_j`` of each level.
        reach: Largest distance that a level learns, in units of a cell; half of it is left to the finer level.
    """

    predictions_per_cell = 1
    points: Tensor

    def __init__(self, level_channels: Sequence[int], level_lengths: Sequence[int], *, reach: float = 2.0) -> None:
        super().__init__()
        self.levels = nn.ModuleList(SameConv1d(width, 3, gain=0.1) for width in level_channels)
        bounds = [(reach / (2 * cells), reach / cells) for cells in level_lengths]
        bounds[0], bounds[-1] = (0.0, bounds[0][1]), (0.0 if len(bounds) == 1 else bounds[-1][0], math.inf)
        points = [
            ((cell + 0.5) / cells, 1 / cells, *limits)
            for cells, limits in zip(level_lengths, bounds, strict=True)
            for cell in range(cells)
        ]
        # Centre, width of the cell, shortest and longest distance to learn; (N, 4).
        self.register_buffer("points", torch.tensor(points), persistent=False)

    def forward(self, levels: Sequence[Tensor]) -> HeadOutputs:
        """Return logits and distances of all points; see :meth:`Head.forward`."""
        pairs = zip(self.levels, levels, strict=True)
        by_cell = torch.cat([to_float32(convolution(features)) for convolution, features in pairs], dim=-1)  # (B, 3, N)
        # Most points are background: they start at a tIoU of about 0.1. Segments start two cells wide.
        return {"logits": by_cell[:, 0] - 2, "distances": by_cell[:, 1:].transpose(1, 2).exp()}

    def match(self, segments: Tensor, labels: Tensor) -> Targets:
        """Give each point the instance that it learns; see :meth:`Head.match`."""
        # A last instance of padding serves videos without any.
        segments, labels = functional.pad(segments, (0, 0, 0, 1)), functional.pad(labels, (0, 1), value=-1)
        centre, cell, shortest, longest = self.points.unsqueeze(-1).unbind(dim=1)  # (N, 1)
        middle, width = segments_to_centre_width(segments).unsqueeze(1).unbind(dim=-1)  # (B, 1, G)
        distance = (centre - middle).abs()  # (B, N, G)
        is_real = (labels >= 0).unsqueeze(1)
        is_near = is_real & (distance <= torch.maximum(width, cell) / 2)
        farther_end = distance + width / 2
        is_learnt = is_near & (shortest < farther_end) & (farther_end <= longest)
        cost = torch.where(is_learnt, width, 2 + distance).masked_fill(~is_real, math.inf)
        instances = cost.argmin(dim=-1)
        return Targets(
            is_foreground=is_learnt.any(dim=-1),
            instances=instances,
            is_background=~is_near.any(dim=-1),
            details={"segments": gather_matched_segments(segments, instances)},
        )

    def proposal_loss(self, outputs: HeadOutputs, targets: Targets) -> Tensor:
        """Return the focal loss of the tIoU plus the DIoU loss of the segments; see :meth:`Head.proposal_loss`."""
        predicted, wanted = self._segments(outputs), targets.details["segments"]
        overlaps = temporal_iou(predicted.unsqueeze(2), wanted.unsqueeze(2)).flatten(1)
        hull = torch.maximum(predicted[..., 1], wanted[..., 1]) - torch.minimum(predicted[..., 0], wanted[..., 0])
        shift = (predicted.mean(dim=-1) - wanted.mean(dim=-1)) / hull
        distance = (1 - overlaps + shift.square()).where(targets.is_foreground, 0)
        quality = overlaps.detach().where(targets.is_foreground, 0)
        doubt = (quality - outputs["logits"].sigmoid()).square()
        focal = doubt * functional.binary_cross_entropy_with_logits(outputs["logits"], quality, reduction="none")
        count = sum_over_processes(targets.is_foreground.sum()).clamp(min=1) / num_processes()
        return (focal + distance).sum() / count

    def decode(self, outputs: HeadOutputs) -> Proposals:
        """Return the segment around each point, and its tIoU; see :meth:`Head.decode`."""
        return Proposals(clip_segments(self._segments(outputs)), outputs["logits"].sigmoid())

    def export_outputs(self, outputs: HeadOutputs) -> dict[str, Tensor]:
        """Return the predicted tIoU by itself; see :meth:`Head.export_outputs`."""
        return {"quality": outputs["logits"].sigmoid()}

    def _segments(self, outputs: HeadOutputs) -> Tensor:
        """Segments around the points, not clipped, ``(B, N, 2)``."""
        before, after = (outputs["distances"] * self.points[:, 1:2]).unbind(dim=-1)
        return torch.stack((self.points[:, 0] - before, self.points[:, 0] + after), dim=-1)
