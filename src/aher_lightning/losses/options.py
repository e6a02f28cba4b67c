"""The choices of each term of the proposal loss: where paper and authors' code differ, and where neither says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aher_lightning.errors import ConfigError


@dataclass(frozen=True)
class MatchingOptions:
    """Which anchors are foreground and which are background.

    Args:
        foreground: tIoU above which an anchor is foreground (paper and authors' code: 0.8).
        background: tIoU below which an anchor is background (paper and authors' code: 0.3).
        match_best_anchor: Make each instance's best anchor foreground, whatever the tIoU. Neither paper nor
            authors' code does: there an instance may be without any foreground anchor.
        clip_anchors: Compare anchors clipped to the first 511 of 512 steps, as the authors' code does.

    Raises:
        ConfigError: If the thresholds are out of order.
    """

    foreground: float = 0.8
    background: float = 0.3
    match_best_anchor: bool = False
    clip_anchors: bool = False

    def __post_init__(self) -> None:
        """Refuse thresholds out of order."""
        if not 0 < self.background <= self.foreground <= 1:
            raise ConfigError(
                f"'head.matching' has background {self.background} and foreground {self.foreground}; "
                "they must be above 0, at most 1, and in this order"
            )


@dataclass(frozen=True)
class OffsetOptions:
    """How offsets are compared (L_of).

    Args:
        weight: Factor of the term.
        compare: "encoded" offsets, as in the authors' code, or "decoded" centres and widths, as in Eq. 6.
        divide_by: Number of "foreground" anchors, or of "selected" ones, which are those and the hard
            negatives of the actionness term, as in the authors' code.
    """

    weight: float = 1.0
    compare: Literal["encoded", "decoded"] = "encoded"
    divide_by: Literal["foreground", "selected"] = "foreground"


@dataclass(frozen=True)
class OverlapOptions:
    """Where the predicted overlap is compared (L_ov).

    Args:
        weight: Factor of the mean; 25 in the authors' code.
        anchors: "all" of them, or those that are "overlapping" with an instance, as in the authors' code.
    """

    weight: float = 1.0
    anchors: Literal["all", "overlapping"] = "all"


@dataclass(frozen=True)
class ActionnessOptions:
    """How actionness is learnt, which the paper does not do: its head has no such output.

    Args:
        weight: Factor of the mean over foreground anchors and hard negatives; 2 in the authors' code.
        negative_ratio: Hard negatives per foreground anchor.
        strict: Leave out the least hard of the hard negatives, as the authors' code does.
    """

    weight: float = 1.0
    negative_ratio: float = 1.0
    strict: bool = False
