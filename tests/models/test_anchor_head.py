from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aher_lightning.errors import ConfigError
from aher_lightning.losses.classification import CellClassificationLoss
from aher_lightning.losses.options import ActionnessOptions, MatchingOptions, OffsetOptions
from aher_lightning.models.anchor_head import AnchorHead
from aher_lightning.models.convolution import SameConv1d
from aher_lightning.structures import HeadOutputs
from tests.helpers.golden_losses import released_classification, released_head
from tests.helpers.processes import run_in_processes

# For a head of two cells of two anchors: the halves of the video, each also as its inner half.
SEGMENTS = torch.tensor([[[0.0, 0.46], [0.62, 0.88]], [[0.0, 0.25], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
LABELS = torch.tensor([[2, 0], [1, -1], [-1, -1]])


def small_head(**options: Any) -> AnchorHead:
    return AnchorHead([4], [2], **({"scale_ratios": (1.0, 0.5)} | options))


@pytest.mark.parametrize("use_actionness", [True, False])
@pytest.mark.parametrize("cells", [1, 2, 7])
def test_head_shapes(cells: int, use_actionness: bool) -> None:
    head = AnchorHead([4, 6], [cells, 1], use_actionness=use_actionness)
    outputs = head([torch.randn(2, 4, cells), torch.randn(2, 6, 1)])
    count = 3 * (cells + 1)
    assert (head.predictions_per_cell, len(head.anchors)) == (3, count)
    assert outputs["offsets"].shape == (2, count, 2)
    assert outputs["overlaps"].shape == (2, count)
    assert ((outputs["overlaps"] > 0) & (outputs["overlaps"] < 1)).all()
    assert ("actionness" in outputs) == use_actionness
    assert not use_actionness or outputs["actionness"].shape == (2, count, 2)


def test_head_orders_anchors_by_cell_then_ratio() -> None:
    head = AnchorHead([1], [2], scale_ratios=(1.0, 2.0))
    convolution = head.levels[0]
    assert isinstance(convolution, SameConv1d)
    assert convolution.bias is not None
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.bias.copy_(torch.arange(10.0))
        convolution.weight[:, 0, 1] = 100.0
    outputs = head([torch.tensor([[[0.0, 1.0]]])])
    assert outputs["offsets"][0].tolist() == [[0.0, 1.0], [2.0, 3.0], [100.0, 101.0], [102.0, 103.0]]
    torch.testing.assert_close(outputs["overlaps"][0, :2], torch.tensor([4.0, 5.0]).sigmoid())
    assert outputs["actionness"][0].tolist() == [[6.0, 7.0], [8.0, 9.0], [106.0, 107.0], [108.0, 109.0]]


def test_untrained_head_leaves_the_anchors_in_place() -> None:
    torch.manual_seed(0)
    outputs = AnchorHead([64], [16])([torch.rand(8, 64, 16)])
    assert outputs["offsets"].abs().mean() < 0.2
    assert (outputs["overlaps"] - 0.5).abs().mean() < 0.05


def test_cells_and_anchors_are_matched_with_ground_truth() -> None:
    targets = small_head().match(SEGMENTS, LABELS)
    assert targets.is_foreground.tolist() == [[True, True], [False, False], [False, False]]
    assert targets.instances.tolist() == [[0, 1], [0, 0], [0, 0]]
    assert targets.is_background.tolist() == [[False] * 4, [False, False, True, True], [True] * 4]
    loose = small_head(matching=MatchingOptions(foreground=0.5, background=0.4, match_best_anchor=True))
    assert loose.match(SEGMENTS, LABELS).details["states"].tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_a_cell_without_overlap_speaks_for_the_nearest_instance() -> None:
    head = AnchorHead([1], [8], scale_ratios=(1.0,))
    segments = torch.tensor([[[0.75, 1.0], [0.125, 0.25], [0.0, 0.0]], [[0.5, 0.6], [0.0, 0.0], [0.0, 0.0]]])
    labels = torch.tensor([[2, 1, -1], [0, -1, -1]])
    targets = head.match(segments, labels)
    assert targets.instances.tolist() == [[1, 1, 1, 1, 0, 0, 0, 0], [0] * 8]  # never the padding at 0


def test_a_foreground_anchor_decides_for_its_cell() -> None:
    # The first anchor overlaps the first instance most; the second is the best one of the second instance.
    matching = MatchingOptions(foreground=0.9, match_best_anchor=True)
    head = AnchorHead([1], [1], scale_ratios=(1.0, 0.2), matching=matching)
    targets = head.match(torch.tensor([[[0.0, 0.78], [0.45, 0.55]]]), torch.tensor([[0, 1]]))
    assert targets.details["states"].tolist() == [[1, 1]]
    assert targets.instances.tolist() == [[0]]


@pytest.mark.parametrize(("videos", "instances"), [(0, 0), (0, 2), (2, 0)])
def test_nothing_to_match_leaves_background(videos: int, instances: int) -> None:
    head = small_head()
    labels = torch.full((videos, instances), -1)
    targets = head.match(torch.zeros(videos, instances, 2), labels)
    assert targets.is_foreground.shape == targets.instances.shape == (videos, 2)
    assert targets.is_background.shape == (videos, 4)
    assert targets.is_background.all()
    outputs = {"offsets": torch.rand(videos, 4, 2), "overlaps": torch.rand(videos, 4)}
    outputs["actionness"] = torch.rand(videos, 4, 2)
    assert CellClassificationLoss()(torch.zeros(videos, 3, 2), labels, targets).item() == 0
    assert (head.proposal_loss(outputs, targets).item() > 0) == (videos > 0)


def test_the_proposal_loss_is_the_sum_of_its_terms_and_trains_every_weight() -> None:
    head = small_head()
    outputs, targets = head([torch.randn(3, 4, 2)]), head.match(SEGMENTS, LABELS)
    total = head.proposal_loss(outputs, targets)
    matches = head.loss.match(head.anchors, SEGMENTS, LABELS)
    torch.testing.assert_close(total, sum(head.loss(outputs, head.anchors, matches, SEGMENTS), torch.zeros(())))
    total.backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in head.parameters())


def test_offsets_move_anchors_with_the_given_scales() -> None:
    outputs = {"offsets": torch.zeros(1, 4, 2), "overlaps": torch.rand(1, 4)}
    outputs["offsets"][0, 0] = torch.tensor([1.0, math.log(0.25)])
    paper = small_head().decode(outputs)
    released = small_head(centre_scale=0.5, width_scale=0.5).decode(outputs)
    torch.testing.assert_close(paper.segments[0, 0], torch.tensor([0.6875, 0.8125]))
    torch.testing.assert_close(released.segments[0, 0], torch.tensor([0.375, 0.625]))
    torch.testing.assert_close(paper.segments[0, 1:], released.segments[0, 1:])
    assert torch.equal(paper.quality, outputs["overlaps"])


def test_options_that_need_the_actionness_output_are_refused_without_it() -> None:
    with pytest.raises(ConfigError, match="set 'use_actionness: true' in the head"):
        small_head(use_actionness=False, offset=OffsetOptions(divide_by="selected"))


PARTS: dict[str, tuple[AnchorHead, CellClassificationLoss]] = {
    "default": (
        small_head(matching=MatchingOptions(foreground=0.5), actionness=ActionnessOptions(negative_ratio=0.5)),
        CellClassificationLoss(),
    ),
    "foreground": (
        small_head(matching=MatchingOptions(match_best_anchor=True)),
        CellClassificationLoss(cells="foreground"),
    ),
    "released": (released_head([2], foreground=0.4), released_classification()),
}


def _gradients(head: AnchorHead, loss: CellClassificationLoss, rows: slice) -> tuple[Tensor, ...]:
    """Gradients of the total loss of some of four videos, as if one parameter stood before each output."""
    generator, count = torch.Generator().manual_seed(0), len(head.anchors)
    values = {name: torch.rand(4, count, 2, generator=generator).double() for name in ("offsets", "actionness")}
    values |= {"overlaps": torch.rand(4, count, generator=generator).double()}
    values |= {"logits": torch.randn(4, 3, 2, generator=generator).double()}
    segments = torch.cat((SEGMENTS, SEGMENTS[:1].flip(1))).double()
    labels = torch.cat((LABELS, LABELS[:1].flip(1)))
    factors = {name: nn.Parameter(torch.ones(one.shape[1:]).double()) for name, one in values.items()}
    scaled: HeadOutputs = {name: one[rows] * factors[name] for name, one in values.items()}
    targets = head.double().match(segments[rows], labels[rows])
    total = loss(scaled.pop("logits"), labels[rows], targets) + head.proposal_loss(scaled, targets)
    return torch.autograd.grad(total, list(factors.values()))


def _compare(expected: dict[str, tuple[Tensor, ...]], rank: int) -> None:
    """Check that the mean gradient of two processes with two videos each is as expected."""
    for name, parts in PARTS.items():
        for gradient, alone in zip(_gradients(*parts, slice(2 * rank, 2 * rank + 2)), expected[name], strict=True):
            torch.distributed.all_reduce(gradient)
            torch.testing.assert_close(gradient / 2, alone)


@pytest.mark.ddp
def test_two_processes_have_the_gradients_of_one() -> None:
    expected = {name: _gradients(*parts, slice(0, 4)) for name, parts in PARTS.items()}
    assert all(gradient.abs().sum() > 0 for gradients in expected.values() for gradient in gradients)
    run_in_processes(partial(_compare, expected), 2)
