"""The localization loss with all the choices of the authors' code."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from aher_lightning.losses.actionness import actionness_loss, select_anchors
from aher_lightning.losses.classification import cell_classification_loss
from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.losses.overlap import overlap_loss
from aher_lightning.losses.reduction import masked_mean
from aher_lightning.ops.coding import encode_offsets
from aher_lightning.ops.matching import FOREGROUND, AnchorMatches, gather_matched_segments, match_anchors
from aher_lightning.ops.segments import segments_to_centre_width
from aher_lightning.structures import LevelOutputs

_ANCHOR_SPAN = (0.0, 511 / 512)  # the last step of 512 is missing in the authors' clipping of anchors


class ReleasedLocalizationLoss(LocalizationLoss):
    """Computes what the authors' code of AherNet minimizes, to the digit.

    It differs from the default :class:`LocalizationLoss` in that anchors are clipped before they are
    matched; every cell has the label of its video, and cells are summed; offsets are scaled by 0.1 and
    divided by the number of anchors in the actionness loss; overlap counts where it is above 0; the least
    hard of the hard negatives is left out; and in its weights.

    Follows the code released with "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705. It needs a network with the actionness head.

    Args:
        foreground: tIoU above which an anchor is foreground.
        background: tIoU below which an anchor is background.
        classification_weight: Factor of the sum over the cells of a video, mean over videos.
        offset_weight: Factor of the offset loss.
        overlap_weight: Factor of the mean over anchors that overlap with an instance.
        actionness_weight: Factor of the mean over foreground anchors and hard negatives.
        negative_ratio: Hard negatives per foreground anchor.
    """

    def __init__(
        self,
        *,
        foreground: float = 0.8,
        background: float = 0.3,
        classification_weight: float = 2.0,
        offset_weight: float = 1.0,
        overlap_weight: float = 25.0,
        actionness_weight: float = 2.0,
        negative_ratio: float = 1.0,
    ) -> None:
        super().__init__(
            foreground=foreground,
            background=background,
            centre_scale=0.1,
            width_scale=0.1,
            classification_weight=classification_weight,
            offset_weight=offset_weight,
            overlap_weight=overlap_weight,
            actionness_weight=actionness_weight,
            negative_ratio=negative_ratio,
        )

    def match(self, anchors: Tensor, segments: Tensor, labels: Tensor) -> AnchorMatches:
        """Match clipped anchors; arguments as in :meth:`LocalizationLoss.match`."""
        return match_anchors(
            anchors,
            segments,
            labels >= 0,
            foreground=self.foreground,
            background=self.background,
            clip_to=_ANCHOR_SPAN,
        )

    def classification(self, outputs: LevelOutputs, matches: AnchorMatches, labels: Tensor) -> Tensor:  # noqa: ARG002
        """Sum the cross entropy with the video's label over all cells; arguments as in the base class."""
        video_labels = functional.pad(labels, (0, 1), value=-1)[:, 0]
        return outputs.class_logits.shape[-1] * cell_classification_loss(outputs.class_logits, video_labels)

    def offset(self, outputs: LevelOutputs, matches: AnchorMatches, anchors: Tensor, segments: Tensor) -> Tensor:
        """Divide the sum over foreground anchors by more than those; arguments as in the base class."""
        target = segments_to_centre_width(gather_matched_segments(segments, matches.indices))
        target = encode_offsets(anchors, target, self.centre_scale, self.width_scale)
        distances = functional.smooth_l1_loss(outputs.offsets, target, reduction="none").sum(dim=-1)
        return masked_mean(distances * (matches.states == FOREGROUND), self._selected(outputs, matches))

    def overlap(self, outputs: LevelOutputs, matches: AnchorMatches) -> Tensor:
        """Average over anchors that overlap with an instance; arguments as in the base class."""
        return overlap_loss(outputs.overlaps, matches.overlaps, matches.overlaps > 0)

    def actionness(self, outputs: LevelOutputs, matches: AnchorMatches) -> Tensor:
        """Mine hard negatives strictly; arguments as in the base class."""
        return actionness_loss(_actionness_logits(outputs), matches.states, ratio=self.negative_ratio, strict=True)

    def _selected(self, outputs: LevelOutputs, matches: AnchorMatches) -> Tensor:
        """Return the anchors of the actionness loss, ``(B, A)``."""
        return select_anchors(_actionness_logits(outputs), matches.states, ratio=self.negative_ratio, strict=True)


def _actionness_logits(outputs: LevelOutputs) -> Tensor:
    """Return the logits of background and action, which this loss cannot do without."""
    if outputs.actionness is None:
        raise ValueError("the released loss needs the actionness head: set use_actionness of the network to true")
    return outputs.actionness
