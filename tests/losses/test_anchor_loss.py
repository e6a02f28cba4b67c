from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.losses.anchor_loss import AnchorLoss, AnchorLosses
from aher_lightning.losses.options import ActionnessOptions, MatchingOptions, OffsetOptions, OverlapOptions
from aher_lightning.ops.coding import decode_offsets, encode_offsets
from aher_lightning.ops.segments import segments_to_centre_width
from aher_lightning.structures import HeadOutputs

# Two cells of two anchors each: the halves of the video, each also as its inner half.
ANCHORS = torch.tensor([[0.25, 0.5], [0.25, 0.25], [0.75, 0.5], [0.75, 0.25]])
SEGMENTS = torch.tensor([[[0.0, 0.46], [0.62, 0.88]], [[0.0, 0.25], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
LABELS = torch.tensor([[2, 0], [1, -1], [-1, -1]])


def outputs_like(videos: int, seed: int = 0) -> HeadOutputs:
    generator = torch.Generator().manual_seed(seed)
    return {
        "offsets": torch.randn(videos, 4, 2, dtype=torch.float64, generator=generator),
        "overlaps": torch.rand(videos, 4, dtype=torch.float64, generator=generator),
        "actionness": torch.randn(videos, 4, 2, dtype=torch.float64, generator=generator),
    }


@pytest.fixture
def outputs() -> HeadOutputs:
    return outputs_like(3)


def compute(
    loss: AnchorLoss, outputs: HeadOutputs, segments: Tensor = SEGMENTS, labels: Tensor = LABELS
) -> AnchorLosses:
    """Compute all terms in double precision."""
    matches = loss.match(ANCHORS.double(), segments.double(), labels)
    return loss(outputs, ANCHORS.double(), matches, segments.double())


def test_matching_uses_the_thresholds_and_the_padding() -> None:
    matches = AnchorLoss().match(ANCHORS, SEGMENTS, LABELS)
    assert matches.states.tolist() == [[1, -1, -1, 1], [-1, -1, 0, 0], [0, 0, 0, 0]]
    loose = AnchorLoss(matching=MatchingOptions(foreground=0.5, background=0.4, match_best_anchor=True))
    assert loose.match(ANCHORS, SEGMENTS, LABELS).states.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.1, 0.2)])
def test_offsets_of_foreground_anchors(outputs: HeadOutputs, scales: tuple[float, float]) -> None:
    targets = segments_to_centre_width(SEGMENTS[0].double())
    anchors, predicted = ANCHORS[[0, 3]].double(), outputs["offsets"][0, [0, 3]]
    options = {"centre_scale": scales[0], "width_scale": scales[1]}
    encoded = compute(AnchorLoss(centre_scale=scales[0], width_scale=scales[1]), outputs)
    distance = torch.nn.functional.smooth_l1_loss(predicted, encode_offsets(anchors, targets, **options))
    torch.testing.assert_close(encoded.offset, 2 * distance)
    decoded = compute(
        AnchorLoss(offset=OffsetOptions(compare="decoded"), centre_scale=scales[0], width_scale=scales[1]),
        outputs,
    )
    distance = torch.nn.functional.smooth_l1_loss(decode_offsets(anchors, predicted, **options), targets)
    torch.testing.assert_close(decoded.offset, 2 * distance)


def test_perfect_outputs_cost_nothing() -> None:
    loss = AnchorLoss()
    matches = loss.match(ANCHORS, SEGMENTS, LABELS)
    targets = segments_to_centre_width(SEGMENTS).gather(1, matches.indices.unsqueeze(-1).expand(-1, -1, 2))
    is_action = matches.states == 1
    outputs = {
        "offsets": encode_offsets(ANCHORS, targets),
        "overlaps": matches.overlaps,
        "actionness": 100.0 * torch.stack((~is_action, is_action), dim=-1),
    }
    terms = loss(outputs, ANCHORS, matches, SEGMENTS)
    assert [term.item() for term in terms] == pytest.approx([0, 0, 0], abs=1e-6)
    worse = loss(outputs | {"overlaps": 1 - matches.overlaps}, ANCHORS, matches, SEGMENTS)
    assert worse.total.item() == worse.overlap.item() > 0.1


def test_weights_and_sums(outputs: HeadOutputs) -> None:
    plain = compute(AnchorLoss(), outputs)
    weighted = compute(
        AnchorLoss(
            offset=OffsetOptions(weight=3), overlap=OverlapOptions(weight=5), actionness=ActionnessOptions(weight=7)
        ),
        outputs,
    )
    torch.testing.assert_close(torch.stack(weighted), torch.stack(plain) * torch.tensor([3, 5, 7]))
    torch.testing.assert_close(plain.total, torch.stack(plain).sum())


def test_the_ratio_reaches_the_mining(outputs: HeadOutputs) -> None:
    few = compute(AnchorLoss(actionness=ActionnessOptions(negative_ratio=0.0)), outputs).actionness
    many = compute(AnchorLoss(actionness=ActionnessOptions(negative_ratio=9.0)), outputs).actionness
    assert few.item() != pytest.approx(many.item())


def test_without_actionness_outputs_that_term_is_zero(outputs: HeadOutputs) -> None:
    with_them, without = compute(AnchorLoss(), outputs), compute(AnchorLoss(use_actionness=False), outputs)
    assert without.actionness.item() == 0
    torch.testing.assert_close(without[:2], with_them[:2])


@pytest.mark.parametrize("videos", [0, 2])
@pytest.mark.parametrize("instances", [0, 3])
def test_without_ground_truth_only_background_is_learnt(videos: int, instances: int) -> None:
    outputs = {name: values.requires_grad_() for name, values in outputs_like(videos).items()}
    labels = torch.full((videos, instances), -1)
    terms = compute(AnchorLoss(), outputs, torch.zeros(videos, instances, 2), labels)
    terms.total.backward()  # type: ignore[no-untyped-call]
    assert terms.offset.item() == 0
    assert (terms.overlap.item() > 0) == (terms.actionness.item() > 0) == (videos > 0)
    assert all(values.grad is not None and values.grad.isfinite().all() for values in outputs.values())


@pytest.mark.parametrize("compare", ["encoded", "decoded"])
def test_gradients(outputs: HeadOutputs, compare: Literal["encoded", "decoded"]) -> None:
    loss = AnchorLoss(offset=OffsetOptions(compare=compare))
    values = tuple(one.requires_grad_() for one in outputs.values())
    assert torch.autograd.gradcheck(lambda *some: compute(loss, dict(zip(outputs, some, strict=True))).total, values)


def test_the_default_is_the_sum_of_its_parts(outputs: HeadOutputs) -> None:
    terms = compute(AnchorLoss(), outputs)
    overlaps = AnchorLoss().match(ANCHORS.double(), SEGMENTS.double(), LABELS).overlaps
    torch.testing.assert_close(terms.overlap, (outputs["overlaps"] - overlaps).square().mean())
    assert all(math.isfinite(term.item()) for term in terms)


def test_offsets_can_be_divided_by_the_selected_anchors(outputs: HeadOutputs) -> None:
    own = compute(AnchorLoss(), outputs).offset
    strict = ActionnessOptions(strict=True)
    shared = compute(AnchorLoss(offset=OffsetOptions(divide_by="selected"), actionness=strict), outputs).offset
    # Two anchors are foreground; of min(2 + 3, 6) hard negatives the least hard is left out.
    torch.testing.assert_close(shared, own * 2 / (2 + 4))


def test_overlap_can_count_where_there_is_any(outputs: HeadOutputs) -> None:
    overlaps = AnchorLoss().match(ANCHORS.double(), SEGMENTS.double(), LABELS).overlaps
    term = compute(AnchorLoss(overlap=OverlapOptions(anchors="overlapping")), outputs).overlap
    torch.testing.assert_close(term, (outputs["overlaps"] - overlaps)[overlaps > 0].square().mean())


def test_clipped_anchors_overlap_more_at_the_borders() -> None:
    anchors = torch.tensor([[0.95, 0.2]])  # from 0.85 to 1.05
    segments, labels = torch.tensor([[[0.85, 511 / 512]]]), torch.tensor([[0]])
    whole, clipped = (
        AnchorLoss(matching=MatchingOptions(clip_anchors=clip)).match(anchors, segments, labels).overlaps.item()
        for clip in (False, True)
    )
    assert whole == pytest.approx((511 / 512 - 0.85) / 0.2)
    assert clipped == pytest.approx(1.0)


def test_dividing_by_selected_anchors_needs_the_actionness_outputs() -> None:
    with pytest.raises(ConfigError, match="set 'use_actionness: true' in the head, or 'divide_by: foreground'"):
        AnchorLoss(offset=OffsetOptions(divide_by="selected"), use_actionness=False)


def test_scales_are_positive() -> None:
    for centre_scale, width_scale in ((0.0, 1.0), (1.0, -1.0)):
        with pytest.raises(ConfigError, match=r"^'head\.centre_scale' and 'head\.width_scale' must be above 0"):
            AnchorLoss(centre_scale=centre_scale, width_scale=width_scale)
