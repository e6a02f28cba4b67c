"""The options of the released code, set together, give its losses."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.losses.actionness import select_anchors
from aher_lightning.losses.localization import LocalizationLoss, LocalizationLosses
from aher_lightning.structures import LevelOutputs
from tests.helpers.golden_anchors import LEVELS, released_anchors, released_segments
from tests.helpers.golden_losses import RELEASED_LOSSES, released_labels, released_loss, released_outputs

Case = tuple[dict[str, Any], LocalizationLoss, LevelOutputs, Tensor, Tensor]


@pytest.fixture(scope="module", params=["train", "alt"])
def case(request: pytest.FixtureRequest) -> Case:
    expected = RELEASED_LOSSES[request.param]
    options = {key: expected[key] for key in ("foreground", "background", "negative_ratio")}
    segments, is_real = released_segments()
    labels = released_labels().unsqueeze(1).expand_as(is_real).where(is_real, -1)
    outputs = LevelOutputs(*(field.requires_grad_() for field in released_outputs() if field is not None))
    return expected, released_loss(**options), outputs, segments, labels


@pytest.fixture(scope="module")
def losses(case: Case) -> LocalizationLosses:
    _, loss, outputs, segments, labels = case
    terms = loss(outputs, released_anchors(), segments, labels)
    assert isinstance(terms, LocalizationLosses)
    return terms


@pytest.mark.golden
@pytest.mark.parametrize("term", LocalizationLosses._fields)
def test_terms_equal_the_released_code(case: Case, losses: LocalizationLosses, term: str) -> None:
    assert getattr(losses, term).item() == pytest.approx(case[0][term], rel=1e-5)


@pytest.mark.golden
def test_counts_equal_the_released_code(case: Case) -> None:
    expected, loss, outputs, segments, labels = case
    matches = loss.match(released_anchors(), segments, labels)
    assert outputs.actionness is not None
    selected = select_anchors(outputs.actionness, matches.states, ratio=loss.actionness.negative_ratio, strict=True)
    assert {
        "positives": int((matches.states == 1).sum()),
        "candidates": int((matches.states == 0).sum()),
        "selected_negatives": int((selected & (matches.states == 0)).sum()),
        "overlapping": int((matches.overlaps > 0).sum()),
    } == expected["counts"]


@pytest.mark.golden
@pytest.mark.parametrize("field", ["offsets", "overlaps", "actionness", "class_logits"])
def test_gradient_norms_of_the_levels_equal_the_released_code(
    case: Case, losses: LocalizationLosses, field: str
) -> None:
    expected, _, outputs, _, _ = case
    loss = losses.classification if field == "class_logits" else losses.proposal
    (gradient,) = torch.autograd.grad(loss, getattr(outputs, field), retain_graph=True)
    per_anchor = gradient.transpose(1, 2) if field == "class_logits" else gradient
    per_cell = 1 if field == "class_logits" else 3
    levels = per_anchor.split([length * per_cell for _, length in LEVELS], dim=1)
    norms = [level.double().norm().item() for level in levels]
    assert norms == pytest.approx(expected["gradient_norms"][field], rel=1e-4, abs=1e-7)


def test_it_needs_the_actionness_head() -> None:
    outputs = LevelOutputs(torch.zeros(1, 2, 1), torch.zeros(1, 3, 2), torch.zeros(1, 3), None)
    loss = released_loss()
    with pytest.raises(ConfigError, match="set 'use_actionness: true' in the network"):
        loss(outputs, torch.rand(3, 2), torch.zeros(1, 0, 2), torch.zeros(1, 0, dtype=torch.long))


def test_videos_without_ground_truth_learn_background_only() -> None:
    outputs = LevelOutputs(torch.zeros(2, 4, 1), torch.zeros(2, 3, 2), torch.rand(2, 3), torch.zeros(2, 3, 2))
    assert outputs.actionness is not None
    outputs.actionness[:, 0, 1] = torch.tensor([2.0, 1.0])  # the less hard one is left out
    terms = released_loss()(outputs, torch.rand(3, 2), torch.zeros(2, 0, 2), torch.zeros(2, 0).long())
    assert [terms.classification.item(), terms.offset.item(), terms.overlap.item()] == [0, 0, 0]
    assert terms.actionness.item() == pytest.approx(2 * math.log1p(math.e**2))
