"""The losses of anchor-level localization together: classification, offset, overlap and actionness."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.losses.actionness import actionness_loss
from aher_lightning.losses.classification import cell_classification_loss
from aher_lightning.losses.offset import offset_loss
from aher_lightning.losses.overlap import overlap_loss
from aher_lightning.ops.coding import decode_offsets, encode_offsets
from aher_lightning.ops.matching import FOREGROUND, AnchorMatches, gather_matched_segments, match_anchors
from aher_lightning.ops.segments import segments_to_centre_width
from aher_lightning.structures import LevelOutputs


class LocalizationLosses(NamedTuple):
    """The weighted terms of the localization loss, scalars.

    Attributes:
        classification: L_cls.
        offset: L_of.
        overlap: L_ov.
        actionness: Action against background; 0 without that head.
    """

    classification: Tensor
    offset: Tensor
    overlap: Tensor
    actionness: Tensor

    @property
    def proposal(self) -> Tensor:
        """L_prop: all that does not depend on the category."""
        return self.offset + self.overlap + self.actionness

    @property
    def total(self) -> Tensor:
        """L_cls + L_prop."""
        return self.classification + self.proposal


class LocalizationLoss(nn.Module):
    """Compares what the heads say about anchors with the annotated instances.

    Implements L_cls and L_prop of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705, sections 3.3 and 3.4. Defaults that are not the paper's: encoded
    offsets, and the actionness term of the authors' code. For all choices of that code see
    :class:`~aher_lightning.losses.released.ReleasedLocalizationLoss`.

    Args:
        foreground: tIoU above which an anchor is foreground.
        background: tIoU below which an anchor is background.
        match_best_anchor: Make each instance's best anchor foreground, whatever the tIoU.
        offset_target: Compare encoded offsets, or decoded centres and widths as Eq. 6 does.
        class_cells: "all": every cell learns a category, that of the instance which its anchors overlap
            most, or of the video's first instance. "foreground": only cells with a foreground anchor do.
        centre_scale: alpha_1 of Eq. 5.
        width_scale: alpha_2 of Eq. 5.
        classification_weight: Factor of the mean over cells.
        offset_weight: Factor of the mean over foreground anchors.
        overlap_weight: Factor of the mean over all anchors.
        actionness_weight: Factor of the mean over foreground anchors and hard negatives.
        negative_ratio: Hard negatives per foreground anchor.
    """

    def __init__(
        self,
        *,
        foreground: float = 0.8,
        background: float = 0.3,
        match_best_anchor: bool = False,
        offset_target: Literal["decoded", "encoded"] = "encoded",
        class_cells: Literal["all", "foreground"] = "all",
        centre_scale: float = 1.0,
        width_scale: float = 1.0,
        classification_weight: float = 1.0,
        offset_weight: float = 1.0,
        overlap_weight: float = 1.0,
        actionness_weight: float = 1.0,
        negative_ratio: float = 1.0,
    ) -> None:
        super().__init__()
        self.foreground = foreground
        self.background = background
        self.match_best_anchor = match_best_anchor
        self.offset_target = offset_target
        self.class_cells = class_cells
        self.centre_scale = centre_scale
        self.width_scale = width_scale
        self.classification_weight = classification_weight
        self.offset_weight = offset_weight
        self.overlap_weight = overlap_weight
        self.actionness_weight = actionness_weight
        self.negative_ratio = negative_ratio

    def forward(self, outputs: LevelOutputs, anchors: Tensor, segments: Tensor, labels: Tensor) -> LocalizationLosses:
        """Return the weighted losses.

        Args:
            outputs: What the heads say about A anchors in N cells of B videos.
            anchors: ``(centre, width)``, normalized, shape ``(A, 2)``.
            segments: Ground truth ``(start, end)``, normalized, shape ``(B, G, 2)``.
            labels: Its categories, int64 ``(B, G)``; -1 marks padding, which comes last.

        Returns:
            The terms; each is 0 where nothing takes part in it.
        """
        matches = self.match(anchors, segments, labels)
        return LocalizationLosses(
            classification=self.classification_weight * self.classification(outputs, matches, labels),
            offset=self.offset_weight * self.offset(outputs, matches, anchors, segments),
            overlap=self.overlap_weight * self.overlap(outputs, matches),
            actionness=self.actionness_weight * self.actionness(outputs, matches),
        )

    def match(self, anchors: Tensor, segments: Tensor, labels: Tensor) -> AnchorMatches:
        """Match anchors with ground truth by the thresholds of this loss.

        Args:
            anchors: ``(centre, width)``, normalized, shape ``(A, 2)``.
            segments: Ground truth ``(start, end)``, normalized, shape ``(B, G, 2)``.
            labels: Its categories, int64 ``(B, G)``; -1 marks padding.

        Returns:
            Overlap, instance and state of every anchor.
        """
        return match_anchors(
            anchors,
            segments,
            labels >= 0,
            foreground=self.foreground,
            background=self.background,
            match_best_anchor=self.match_best_anchor,
        )

    def classification(self, outputs: LevelOutputs, matches: AnchorMatches, labels: Tensor) -> Tensor:
        """Return L_cls without its weight.

        Args:
            outputs: What the heads say.
            matches: Instances of the anchors.
            labels: Categories, int64 ``(B, G)``; -1 marks padding.

        Returns:
            Scalar.
        """
        num_cells = outputs.class_logits.shape[-1]
        overlaps, indices, states = (field.view(-1, num_cells, field.shape[1] // num_cells) for field in matches)
        is_foreground = states == FOREGROUND  # (B, N, R)
        # A cell speaks for its best anchor, and for a foreground one before any other.
        best = (overlaps + is_foreground).argmax(dim=-1, keepdim=True)
        instances = indices.gather(-1, best).squeeze(-1)
        # Cells without overlap point to the first instance; a last one of padding serves videos without any.
        cell_labels = functional.pad(labels, (0, 1), value=-1).gather(1, instances)
        mask = is_foreground.any(dim=-1) if self.class_cells == "foreground" else None
        return cell_classification_loss(outputs.class_logits, cell_labels, mask)

    def offset(self, outputs: LevelOutputs, matches: AnchorMatches, anchors: Tensor, segments: Tensor) -> Tensor:
        """Return L_of without its weight.

        Args:
            outputs: What the heads say.
            matches: Instances of the anchors.
            anchors: ``(centre, width)``, normalized, shape ``(A, 2)``.
            segments: Ground truth ``(start, end)``, normalized, shape ``(B, G, 2)``.

        Returns:
            Scalar.
        """
        target = segments_to_centre_width(gather_matched_segments(segments, matches.indices))
        predicted = outputs.offsets
        if self.offset_target == "encoded":
            target = encode_offsets(anchors, target, self.centre_scale, self.width_scale)
        else:
            predicted = decode_offsets(anchors, predicted, self.centre_scale, self.width_scale)
        return offset_loss(predicted, target, matches.states == FOREGROUND)

    def overlap(self, outputs: LevelOutputs, matches: AnchorMatches) -> Tensor:
        """Return L_ov without its weight.

        Args:
            outputs: What the heads say.
            matches: Overlaps of the anchors.

        Returns:
            Scalar.
        """
        return overlap_loss(outputs.overlaps, matches.overlaps)

    def actionness(self, outputs: LevelOutputs, matches: AnchorMatches) -> Tensor:
        """Return the actionness loss without its weight.

        Args:
            outputs: What the heads say.
            matches: States of the anchors.

        Returns:
            Scalar; 0 without an actionness head.
        """
        if outputs.actionness is None:
            return outputs.overlaps.new_zeros(())
        return actionness_loss(outputs.actionness, matches.states, ratio=self.negative_ratio)
