"""Options of the proposal loss, and those of the released code where it has no reference numbers: empty videos."""

from __future__ import annotations

import math

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.losses.anchor_loss import AnchorLoss
from aher_lightning.losses.options import ActionnessOptions, MatchingOptions, OffsetOptions, OverlapOptions
from tests.helpers.golden_losses import released_head


def test_options_are_those_of_the_paper_unless_given() -> None:
    loss = AnchorLoss(overlap=OverlapOptions(weight=3.0))
    assert loss.matching == MatchingOptions(foreground=0.8, background=0.3)
    assert loss.overlap == OverlapOptions(weight=3.0, anchors="all")
    assert (loss.offset, loss.actionness) == (OffsetOptions(), ActionnessOptions())
    assert not loss.matching.match_best_anchor
    assert loss.centre_scale == loss.width_scale == 1.0


@pytest.mark.parametrize(("background", "foreground"), [(0.9, 0.8), (0.0, 0.8), (0.3, 1.5)])
def test_thresholds_out_of_order_are_refused(background: float, foreground: float) -> None:
    expected = rf"^'head\.matching' has background {background} and foreground {foreground}; they must be above 0"
    with pytest.raises(ConfigError, match=expected):
        MatchingOptions(foreground=foreground, background=background)
    assert MatchingOptions(foreground=0.5, background=0.5).background == 0.5


def test_videos_without_ground_truth_learn_background_only() -> None:
    head = released_head([1])
    outputs = {"offsets": torch.zeros(2, 3, 2), "overlaps": torch.rand(2, 3), "actionness": torch.zeros(2, 3, 2)}
    outputs["actionness"][:, 0, 1] = torch.tensor([2.0, 1.0])  # the less hard one is left out
    segments, labels = torch.zeros(2, 0, 2), torch.zeros(2, 0).long()
    matches = head.loss.match(head.anchors, segments, labels)
    terms = head.loss(outputs, head.anchors, matches, segments)
    assert [terms.offset.item(), terms.overlap.item()] == [0, 0]
    assert terms.actionness.item() == pytest.approx(2 * math.log1p(math.e**2))
