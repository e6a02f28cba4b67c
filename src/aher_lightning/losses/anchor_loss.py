"""The proposal loss of anchors: offset, overlap and actionness."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.losses.actionness import actionness_loss, select_anchors_over_processes
from aher_lightning.losses.offset import offset_loss
from aher_lightning.losses.options import ActionnessOptions, MatchingOptions, OffsetOptions, OverlapOptions
from aher_lightning.losses.overlap import overlap_loss
from aher_lightning.ops.coding import decode_offsets, encode_offsets
from aher_lightning.ops.matching import FOREGROUND, AnchorMatches, gather_matched_segments, match_anchors
from aher_lightning.ops.segments import segments_to_centre_width
from aher_lightning.structures import HeadOutputs

RELEASED_SPAN = (0.0, 511 / 512)
"""Span to which the authors' code clips anchors before it matches them; the last step of 512 is missing."""


class AnchorLosses(NamedTuple):
    """The weighted terms of the proposal loss, scalars.

    Attributes:
        offset: L_of.
        overlap: L_ov.
        actionness: Action against background; 0 without that output.
    """

    offset: Tensor
    overlap: Tensor
    actionness: Tensor

    @property
    def total(self) -> Tensor:
        """L_prop."""
        return self.offset + self.overlap + self.actionness


class AnchorLoss:
    """Compares what a head says about anchors with the annotated instances.

    Implements L_prop of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705, sections 3.3 and 3.4. Every point in which the authors' code differs is
    an option of its own; docs/faithfulness.md lists them. Defaults that are not the paper's: encoded
    offsets, and the actionness term of the authors' code.

    Args:
        matching: Which anchors are foreground and background.
        offset: How offsets are compared.
        overlap: Where the predicted overlap is compared.
        actionness: How actionness is learnt.
        centre_scale: alpha_1 of Eq. 5.
        width_scale: alpha_2 of Eq. 5.
        use_actionness: Whether the head has actionness outputs.

    Raises:
        ConfigError: If a scale is not positive, or an option needs missing actionness outputs.
    """

    def __init__(
        self,
        *,
        matching: MatchingOptions | None = None,
        offset: OffsetOptions | None = None,
        overlap: OverlapOptions | None = None,
        actionness: ActionnessOptions | None = None,
        centre_scale: float = 1.0,
        width_scale: float = 1.0,
        use_actionness: bool = True,
    ) -> None:
        self.matching = matching or MatchingOptions()
        self.offset = offset or OffsetOptions()
        self.overlap = overlap or OverlapOptions()
        self.actionness = actionness or ActionnessOptions()
        self.centre_scale = centre_scale
        self.width_scale = width_scale
        self.use_actionness = use_actionness
        if min(centre_scale, width_scale) <= 0:
            raise ConfigError("'head.centre_scale' and 'head.width_scale' must be above 0; correct them")
        if self.offset.divide_by == "selected" and not use_actionness:
            raise ConfigError(
                "'head.offset' divides by 'selected' anchors, which need the actionness output: set "
                "'use_actionness: true' in the head, or 'divide_by: foreground'"
            )

    def __call__(self, outputs: HeadOutputs, anchors: Tensor, matches: AnchorMatches, segments: Tensor) -> AnchorLosses:
        """Return the weighted losses.

        Args:
            outputs: "offsets" ``(B, A, 2)``, "overlaps" ``(B, A)`` and "actionness" ``(B, A, 2)``.
            anchors: ``(centre, width)``, normalized, shape ``(A, 2)``.
            matches: What :meth:`match` returned for them.
            segments: Ground truth ``(start, end)``, normalized, shape ``(B, G, 2)``.

        Returns:
            The terms; each is 0 where nothing contributes.
        """
        selected = self._select(outputs, matches)
        return AnchorLosses(
            offset=self.offset.weight * self._offset(outputs["offsets"], matches, anchors, segments, selected),
            overlap=self.overlap.weight * self._overlap(outputs["overlaps"], matches),
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

    def _select(self, outputs: HeadOutputs, matches: AnchorMatches) -> Tensor | None:
        """Foreground anchors and hard negatives, ``(B, A)``; ``None`` without actionness outputs."""
        if not self.use_actionness:
            return None
        options = self.actionness
        return select_anchors_over_processes(
            outputs["actionness"], matches.states, ratio=options.negative_ratio, strict=options.strict
        )

    def _offset(
        self, predicted: Tensor, matches: AnchorMatches, anchors: Tensor, segments: Tensor, selected: Tensor | None
    ) -> Tensor:
        """L_of without its weight."""
        target = segments_to_centre_width(gather_matched_segments(segments, matches.indices))
        if self.offset.compare == "encoded":
            target = encode_offsets(anchors, target, self.centre_scale, self.width_scale)
        else:
            predicted = decode_offsets(anchors, predicted, self.centre_scale, self.width_scale)
        counted = selected if self.offset.divide_by == "selected" else None
        return offset_loss(predicted, target, matches.states == FOREGROUND, counted)

    def _overlap(self, predicted: Tensor, matches: AnchorMatches) -> Tensor:
        """L_ov without its weight."""
        mask = matches.overlaps > 0 if self.overlap.anchors == "overlapping" else None
        return overlap_loss(predicted, matches.overlaps, mask)

    def _actionness(self, outputs: HeadOutputs, matches: AnchorMatches, selected: Tensor | None) -> Tensor:
        """Loss of the actionness outputs without its weight; 0 without them."""
        if selected is None:
            return outputs["overlaps"].new_zeros(())
        return actionness_loss(outputs["actionness"], matches.states, selected)
