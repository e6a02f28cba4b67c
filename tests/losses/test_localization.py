from __future__ import annotations

import math
from functools import partial
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from aher_lightning.errors import ConfigError
from aher_lightning.losses.localization import LocalizationLoss, LocalizationLosses
from aher_lightning.losses.options import (
    ActionnessOptions,
    ClassificationOptions,
    MatchingOptions,
    OffsetOptions,
    OverlapOptions,
)
from aher_lightning.ops.coding import decode_offsets, encode_offsets
from aher_lightning.ops.segments import segments_to_centre_width
from aher_lightning.structures import LevelOutputs
from tests.helpers.golden_losses import released_loss
from tests.helpers.processes import run_in_processes

# Two cells of two anchors each: the halves of the video, each also as its inner half.
ANCHORS = torch.tensor([[0.25, 0.5], [0.25, 0.25], [0.75, 0.5], [0.75, 0.25]])
SEGMENTS = torch.tensor([[[0.0, 0.46], [0.62, 0.88]], [[0.0, 0.25], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
LABELS = torch.tensor([[2, 0], [1, -1], [-1, -1]])
REDUCTIONS: tuple[Literal["mean", "sum"], ...] = ("mean", "sum")


def outputs_like(videos: int, cells: int = 2, classes: int = 3, anchors: int = 4, seed: int = 0) -> LevelOutputs:
    generator = torch.Generator().manual_seed(seed)
    return LevelOutputs(
        class_logits=torch.randn(videos, classes, cells, dtype=torch.float64, generator=generator),
        offsets=torch.randn(videos, anchors, 2, dtype=torch.float64, generator=generator),
        overlaps=torch.rand(videos, anchors, dtype=torch.float64, generator=generator),
        actionness=torch.randn(videos, anchors, 2, dtype=torch.float64, generator=generator),
    )


@pytest.fixture
def outputs() -> LevelOutputs:
    return outputs_like(3)


def compute(loss: LocalizationLoss, outputs: LevelOutputs) -> LocalizationLosses:
    terms = loss(outputs, ANCHORS.double(), SEGMENTS.double(), LABELS)
    assert isinstance(terms, LocalizationLosses)
    return terms


def test_matching_uses_the_thresholds_and_the_padding() -> None:
    matches = LocalizationLoss().match(ANCHORS, SEGMENTS, LABELS)
    assert matches.states.tolist() == [[1, -1, -1, 1], [-1, -1, 0, 0], [0, 0, 0, 0]]
    loose = LocalizationLoss(matching=MatchingOptions(foreground=0.5, background=0.4, match_best_anchor=True))
    assert loose.match(ANCHORS, SEGMENTS, LABELS).states.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("cells", "cell_labels"),
    [("all", [[2, 0], [1, 1], [-1, -1]]), ("foreground", [[2, 0], [-1, -1], [-1, -1]])],
)
def test_each_cell_learns_the_category_of_its_instance(
    outputs: LevelOutputs, cells: Literal["all", "foreground"], cell_labels: list[list[int]]
) -> None:
    terms = compute(LocalizationLoss(classification=ClassificationOptions(cells=cells)), outputs)
    expected = torch.nn.functional.cross_entropy(outputs.class_logits, torch.tensor(cell_labels), ignore_index=-1)
    torch.testing.assert_close(terms.classification, expected)


def test_a_foreground_anchor_decides_for_its_cell() -> None:
    # The first anchor overlaps the first instance most; the second is the best one of the second instance.
    anchors = torch.tensor([[0.5, 1.0], [0.5, 0.2]])
    segments, labels = torch.tensor([[[0.0, 0.78], [0.45, 0.55]]]), torch.tensor([[0, 1]])
    loss = LocalizationLoss(
        matching=MatchingOptions(foreground=0.9, match_best_anchor=True),
        classification=ClassificationOptions(cells="foreground"),
    )
    assert loss.match(anchors, segments, labels).states.tolist() == [[1, 1]]
    outputs = outputs_like(1, cells=1, classes=2, anchors=2)
    terms = loss(outputs, anchors, segments, labels)
    assert terms.classification.item() == pytest.approx(-outputs.class_logits[0, :, 0].log_softmax(0)[0].item())


@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.1, 0.2)])
def test_offsets_of_foreground_anchors(outputs: LevelOutputs, scales: tuple[float, float]) -> None:
    targets = segments_to_centre_width(SEGMENTS[0].double())
    anchors, predicted = ANCHORS[[0, 3]].double(), outputs.offsets[0, [0, 3]]
    options = {"centre_scale": scales[0], "width_scale": scales[1]}
    encoded = compute(LocalizationLoss(centre_scale=scales[0], width_scale=scales[1]), outputs)
    distance = torch.nn.functional.smooth_l1_loss(predicted, encode_offsets(anchors, targets, **options))
    torch.testing.assert_close(encoded.offset, 2 * distance)
    decoded = compute(
        LocalizationLoss(offset=OffsetOptions(compare="decoded"), centre_scale=scales[0], width_scale=scales[1]),
        outputs,
    )
    distance = torch.nn.functional.smooth_l1_loss(decode_offsets(anchors, predicted, **options), targets)
    torch.testing.assert_close(decoded.offset, 2 * distance)


def test_perfect_outputs_cost_nothing() -> None:
    loss = LocalizationLoss()
    matches = loss.match(ANCHORS, SEGMENTS, LABELS)
    targets = segments_to_centre_width(SEGMENTS).gather(1, matches.indices.unsqueeze(-1).expand(-1, -1, 2))
    classes = torch.nn.functional.one_hot(torch.tensor([[2, 0], [1, 1], [0, 0]]), 3).transpose(1, 2)
    is_action = matches.states == 1
    outputs = LevelOutputs(
        class_logits=100.0 * classes,
        offsets=encode_offsets(ANCHORS, targets),
        overlaps=matches.overlaps,
        actionness=100.0 * torch.stack((~is_action, is_action), dim=-1),
    )
    terms = loss(outputs, ANCHORS, SEGMENTS, LABELS)
    assert [term.item() for term in terms] == pytest.approx([0, 0, 0, 0], abs=1e-6)
    worse = loss(outputs._replace(overlaps=1 - matches.overlaps), ANCHORS, SEGMENTS, LABELS)
    assert worse.total.item() == worse.overlap.item() > 0.1


def test_weights_and_sums(outputs: LevelOutputs) -> None:
    plain = compute(LocalizationLoss(), outputs)
    weighted = compute(
        LocalizationLoss(
            classification=ClassificationOptions(weight=2),
            offset=OffsetOptions(weight=3),
            overlap=OverlapOptions(weight=5),
            actionness=ActionnessOptions(weight=7),
        ),
        outputs,
    )
    torch.testing.assert_close(torch.stack(weighted), torch.stack(plain) * torch.tensor([2, 3, 5, 7]))
    torch.testing.assert_close(plain.proposal, plain.offset + plain.overlap + plain.actionness)
    torch.testing.assert_close(plain.total, torch.stack(plain).sum())


def test_the_ratio_reaches_the_mining(outputs: LevelOutputs) -> None:
    few = compute(LocalizationLoss(actionness=ActionnessOptions(negative_ratio=0.0)), outputs).actionness
    many = compute(LocalizationLoss(actionness=ActionnessOptions(negative_ratio=9.0)), outputs).actionness
    assert few.item() != pytest.approx(many.item())


def test_without_actionness_head_that_term_is_zero(outputs: LevelOutputs) -> None:
    with_head, without = (
        compute(LocalizationLoss(), outputs),
        compute(LocalizationLoss(), outputs._replace(actionness=None)),
    )
    assert without.actionness.item() == 0
    torch.testing.assert_close(without[:3], with_head[:3])


@pytest.mark.parametrize(
    "loss", [LocalizationLoss(), LocalizationLoss(classification=ClassificationOptions(cells="foreground"))]
)
@pytest.mark.parametrize("videos", [0, 2])
@pytest.mark.parametrize("instances", [0, 3])
def test_without_ground_truth_only_background_is_learnt(loss: LocalizationLoss, videos: int, instances: int) -> None:
    outputs = outputs_like(videos)
    for field in outputs:
        assert field is not None
        field.requires_grad_()
    labels = torch.full((videos, instances), -1)
    terms = loss(outputs, ANCHORS.double(), torch.zeros(videos, instances, 2).double(), labels)
    terms.total.backward()
    assert terms.classification.item() == terms.offset.item() == 0
    assert (terms.overlap.item() > 0) == (terms.actionness.item() > 0) == (videos > 0)
    assert all(field is not None and field.grad is not None and field.grad.isfinite().all() for field in outputs)


@pytest.mark.parametrize("compare", ["encoded", "decoded"])
def test_gradients(outputs: LevelOutputs, compare: Literal["encoded", "decoded"]) -> None:
    loss = LocalizationLoss(offset=OffsetOptions(compare=compare))
    fields = tuple(field.requires_grad_() for field in outputs if field is not None)
    assert torch.autograd.gradcheck(lambda *values: compute(loss, LevelOutputs(*values)).total, fields)


LOSSES: dict[str, LocalizationLoss] = {
    "default": LocalizationLoss(
        matching=MatchingOptions(foreground=0.5), actionness=ActionnessOptions(negative_ratio=0.5)
    ),
    "foreground": LocalizationLoss(
        matching=MatchingOptions(match_best_anchor=True), classification=ClassificationOptions(cells="foreground")
    ),
    "released": released_loss(foreground=0.4),
}


def _gradients(loss: LocalizationLoss, rows: slice) -> tuple[Tensor, ...]:
    """Gradients of the total loss of some of four videos, as if one parameter stood before each output."""
    outputs = outputs_like(4)
    segments = torch.cat((SEGMENTS, SEGMENTS[:1].flip(1))).double()
    labels = torch.cat((LABELS, LABELS[:1].flip(1)))
    factors = [nn.Parameter(torch.ones(field.shape[1:]).double()) for field in outputs if field is not None]
    scaled = [field[rows] * factor for field, factor in zip(outputs, factors, strict=True) if field is not None]
    terms = loss(LevelOutputs(*scaled), ANCHORS.double(), segments[rows], labels[rows])
    return torch.autograd.grad(terms.total, factors)


def _compare(expected: dict[str, tuple[Tensor, ...]], rank: int) -> None:
    """Check that the mean gradient of two processes with two videos each is as expected."""
    for name, loss in LOSSES.items():
        for gradient, alone in zip(_gradients(loss, slice(2 * rank, 2 * rank + 2)), expected[name], strict=True):
            torch.distributed.all_reduce(gradient)
            torch.testing.assert_close(gradient / 2, alone)


@pytest.mark.ddp
def test_two_processes_have_the_gradients_of_one() -> None:
    expected = {name: _gradients(loss, slice(0, 4)) for name, loss in LOSSES.items()}
    assert all(gradient.abs().sum() > 0 for gradients in expected.values() for gradient in gradients)
    run_in_processes(partial(_compare, expected), 2)


def test_the_default_is_the_sum_of_its_parts(outputs: LevelOutputs) -> None:
    terms = compute(LocalizationLoss(), outputs)
    overlaps = LocalizationLoss().match(ANCHORS.double(), SEGMENTS.double(), LABELS).overlaps
    torch.testing.assert_close(terms.overlap, (outputs.overlaps - overlaps).square().mean())
    assert all(math.isfinite(term.item()) for term in terms)


def test_all_cells_can_have_the_category_of_the_video(outputs: LevelOutputs) -> None:
    terms = compute(LocalizationLoss(classification=ClassificationOptions(labels="video")), outputs)
    labels = torch.tensor([[2, 2], [1, 1], [-1, -1]])
    expected = torch.nn.functional.cross_entropy(outputs.class_logits, labels, ignore_index=-1)
    torch.testing.assert_close(terms.classification, expected)


def test_cells_can_be_summed(outputs: LevelOutputs) -> None:
    mean, total = (
        compute(LocalizationLoss(classification=ClassificationOptions(reduction=reduction)), outputs).classification
        for reduction in REDUCTIONS
    )
    torch.testing.assert_close(total, mean * 4 / 3)  # four cells have a category; there are three videos


def test_offsets_can_be_divided_by_the_selected_anchors(outputs: LevelOutputs) -> None:
    own = compute(LocalizationLoss(), outputs).offset
    strict = ActionnessOptions(strict=True)
    shared = compute(LocalizationLoss(offset=OffsetOptions(divide_by="selected"), actionness=strict), outputs).offset
    # Two anchors are foreground; of min(2 + 3, 6) hard negatives the least hard is left out.
    torch.testing.assert_close(shared, own * 2 / (2 + 4))


def test_overlap_can_count_where_there_is_any(outputs: LevelOutputs) -> None:
    overlaps = LocalizationLoss().match(ANCHORS.double(), SEGMENTS.double(), LABELS).overlaps
    term = compute(LocalizationLoss(overlap=OverlapOptions(anchors="overlapping")), outputs).overlap
    torch.testing.assert_close(term, (outputs.overlaps - overlaps)[overlaps > 0].square().mean())


def test_clipped_anchors_overlap_more_at_the_borders() -> None:
    anchors = torch.tensor([[0.95, 0.2]])  # from 0.85 to 1.05
    segments, labels = torch.tensor([[[0.85, 511 / 512]]]), torch.tensor([[0]])
    whole, clipped = (
        LocalizationLoss(matching=MatchingOptions(clip_anchors=clip)).match(anchors, segments, labels).overlaps.item()
        for clip in (False, True)
    )
    assert whole == pytest.approx((511 / 512 - 0.85) / 0.2)
    assert clipped == pytest.approx(1.0)


def test_dividing_by_selected_anchors_needs_the_actionness_head(outputs: LevelOutputs) -> None:
    loss = LocalizationLoss(offset=OffsetOptions(divide_by="selected"))
    with pytest.raises(ConfigError, match="set 'use_actionness: true' in the network"):
        compute(loss, outputs._replace(actionness=None))
