"""The options of the released code where it has no reference numbers: headless networks and empty videos."""

from __future__ import annotations

import math

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.losses.options import ClassificationOptions, MatchingOptions
from aher_lightning.structures import LevelOutputs
from tests.helpers.golden_losses import released_loss


def test_options_are_those_of_the_paper_unless_given() -> None:
    loss = LocalizationLoss(classification=ClassificationOptions(weight=3.0))
    assert loss.matching == MatchingOptions(foreground=0.8, background=0.3)
    assert loss.classification == ClassificationOptions(weight=3.0, cells="all", labels="instance", reduction="mean")
    assert not loss.matching.match_best_anchor
    assert loss.centre_scale == loss.width_scale == 1.0


@pytest.mark.parametrize(("background", "foreground"), [(0.9, 0.8), (0.0, 0.8), (0.3, 1.5)])
def test_thresholds_out_of_order_are_refused(background: float, foreground: float) -> None:
    expected = rf"^'loss\.matching' has background {background} and foreground {foreground}; they must be above 0"
    with pytest.raises(ConfigError, match=expected):
        MatchingOptions(foreground=foreground, background=background)
    assert MatchingOptions(foreground=0.5, background=0.5).background == 0.5


def test_scales_are_positive() -> None:
    for centre_scale, width_scale in ((0.0, 1.0), (1.0, -1.0)):
        with pytest.raises(ConfigError, match=r"^'loss\.centre_scale' and 'loss\.width_scale' must be above 0"):
            LocalizationLoss(centre_scale=centre_scale, width_scale=width_scale)


def test_the_released_loss_needs_the_actionness_head() -> None:
    outputs = LevelOutputs(torch.zeros(1, 2, 1), torch.zeros(1, 3, 2), torch.zeros(1, 3), None)
    with pytest.raises(ConfigError, match="set 'use_actionness: true' in the network"):
        released_loss()(outputs, torch.rand(3, 2), torch.zeros(1, 0, 2), torch.zeros(1, 0, dtype=torch.long))


def test_videos_without_ground_truth_learn_background_only() -> None:
    outputs = LevelOutputs(torch.zeros(2, 4, 1), torch.zeros(2, 3, 2), torch.rand(2, 3), torch.zeros(2, 3, 2))
    assert outputs.actionness is not None
    outputs.actionness[:, 0, 1] = torch.tensor([2.0, 1.0])  # the less hard one is left out
    terms = released_loss()(outputs, torch.rand(3, 2), torch.zeros(2, 0, 2), torch.zeros(2, 0).long())
    assert [terms.classification.item(), terms.offset.item(), terms.overlap.item()] == [0, 0, 0]
    assert terms.actionness.item() == pytest.approx(2 * math.log1p(math.e**2))
