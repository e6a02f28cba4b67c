"""The losses of anchor-level localization together: classification, offset, overlap and actionness."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.errors import ConfigError
from aher_lightning.losses.actionness import actionness_loss, select_anchors_over_processes
from aher_lightning.losses.classification import cell_classification_loss
from aher_lightning.losses.offset import offset_loss
from aher_lightning.losses.options import (
    ActionnessOptions,
    ClassificationOptions,
    MatchingOptions,
    OffsetOptions,
    OverlapOptions,
)
from aher_lightning.losses.overlap import overlap_loss
from aher_lightning.ops.coding import decode_offsets, encode_offsets
from aher_lightning.ops.matching import FOREGROUND, AnchorMatches, gather_matched_segments, match_anchors
from aher_lightning.ops.segments import segments_to_centre_width
from aher_lightning.structures import LevelOutputs

RELEASED_SPAN = (0.0, 511 / 512)
"""Span to which the authors' code clips anchors before it matches them; the last step of 512 is missing."""


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
    https://arxiv.org/abs/2008.13705, sections 3.3 and 3.4. Every point in which the authors' code differs is
    an option of its own; docs/faithfulness.md lists them. Defaults that are not the paper's: encoded
    offsets, and the actionness term of the authors' code, which a network without that head leaves out.

    Args:
        matching: Which anchors are foreground and background.
        classification: What cells learn about categories.
        offset: How offsets are compared.
        overlap: Where the predicted overlap is compared.
        actionness: How action is told from background.
        centre_scale: alpha_1 of Eq. 5; 1 in the paper, 0.1 in the authors' code.
        width_scale: alpha_2 of Eq. 5; 1 in the paper, 0.1 in the authors' code.

    Raises:
        ConfigError: If a scale is not positive.
    """

    def __init__(
        self,
        *,
        matching: MatchingOptions | None = None,
        classification: ClassificationOptions | None = None,
        offset: OffsetOptions | None = None,
        overlap: OverlapOptions | None = None,
        actionness: ActionnessOptions | None = None,
        centre_scale: float = 1.0,
        width_scale: float = 1.0,
    ) -> None:
        super().__init__()
        if min(centre_scale, width_scale) <= 0:
            raise ConfigError("'loss.centre_scale' and 'loss.width_scale' must be above 0; correct them")
        self.matching = matching or MatchingOptions()
        self.classification = classification or ClassificationOptions()
        self.offset = offset or OffsetOptions()
        self.overlap = overlap or OverlapOptions()
        self.actionness = actionness or ActionnessOptions()
        self.centre_scale = centre_scale
        self.width_scale = width_scale

    def forward(self, outputs: LevelOutputs, anchors: Tensor, segments: Tensor, labels: Tensor) -> LocalizationLosses:
        """Return the weighted losses.

        Args:
            outputs: What the heads say about A anchors in N cells of B videos.
            anchors: ``(centre, width)``, normalized, shape ``(A, 2)``.
            segments: Ground truth ``(start, end)``, normalized, shape ``(B, G, 2)``.
            labels: Its categories, int64 ``(B, G)``; -1 marks padding, which comes last.

        Returns:
            The terms; each is 0 where nothing takes part in it.

        Raises:
            ConfigError: If an option needs the actionness head that the network lacks.
        """
        matches = self.match(anchors, segments, labels)
        selected = self._select(outputs, matches)
        return LocalizationLosses(
            classification=self.classification.weight * self._classification(outputs, matches, labels),
            offset=self.offset.weight * self._offset(outputs, matches, anchors, segments, selected),
            overlap=self.overlap.weight * self._overlap(outputs, matches),
            actionness=self.actionness.weight * self._actionness(outputs, matches, selected),
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
            foreground=self.matching.foreground,
            background=self.matching.background,
            match_best_anchor=self.matching.match_best_anchor,
            clip_to=RELEASED_SPAN if self.matching.clip_anchors else None,
        )

    def _select(self, outputs: LevelOutputs, matches: AnchorMatches) -> Tensor | None:
        """Foreground anchors and hard negatives, ``(B, A)``; nothing without an actionness head to choose them."""
        if outputs.actionness is not None:
            options = self.actionness
            return select_anchors_over_processes(
                outputs.actionness, matches.states, ratio=options.negative_ratio, strict=options.strict
            )
        if self.offset.divide_by == "selected":
            raise ConfigError(
                "the loss divides offsets by 'selected' anchors, which the actionness head chooses: set "
                "'use_actionness: true' in the network, or 'divide_by: foreground' in the offset options of the loss"
            )
        return None

    def _classification(self, outputs: LevelOutputs, matches: AnchorMatches, labels: Tensor) -> Tensor:
        """L_cls without its weight."""
        num_cells = outputs.class_logits.shape[-1]
        overlaps, indices, states = (field.view(-1, num_cells, field.shape[1] // num_cells) for field in matches)
        is_foreground = states == FOREGROUND  # (B, N, R)
        # A last instance of padding serves videos without any.
        padded = functional.pad(labels, (0, 1), value=-1)
        if self.classification.labels == "instance":
            # A cell speaks for its best anchor, and for a foreground one before any other; without any overlap it
            # points to the first instance.
            best = (overlaps + is_foreground).argmax(dim=-1, keepdim=True)
            cell_labels = padded.gather(1, indices.gather(-1, best).squeeze(-1))
        else:
            cell_labels = padded[:, :1].expand(-1, num_cells)
        mask = is_foreground.any(dim=-1) if self.classification.cells == "foreground" else None
        return cell_classification_loss(
            outputs.class_logits, cell_labels, mask, reduction=self.classification.reduction
        )

    def _offset(
        self, outputs: LevelOutputs, matches: AnchorMatches, anchors: Tensor, segments: Tensor, selected: Tensor | None
    ) -> Tensor:
        """L_of without its weight."""
        target = segments_to_centre_width(gather_matched_segments(segments, matches.indices))
        predicted = outputs.offsets
        if self.offset.compare == "encoded":
            target = encode_offsets(anchors, target, self.centre_scale, self.width_scale)
        else:
            predicted = decode_offsets(anchors, predicted, self.centre_scale, self.width_scale)
        counted = selected if self.offset.divide_by == "selected" else None
        return offset_loss(predicted, target, matches.states == FOREGROUND, counted)

    def _overlap(self, outputs: LevelOutputs, matches: AnchorMatches) -> Tensor:
        """L_ov without its weight."""
        mask = matches.overlaps > 0 if self.overlap.anchors == "overlapping" else None
        return overlap_loss(outputs.overlaps, matches.overlaps, mask)

    def _actionness(self, outputs: LevelOutputs, matches: AnchorMatches, selected: Tensor | None) -> Tensor:
        """Loss of the actionness head without its weight; 0 without that head."""
        if outputs.actionness is None or selected is None:
            return outputs.overlaps.new_zeros(())
        return actionness_loss(outputs.actionness, matches.states, selected)
