from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from aher_lightning.losses.classification import (
    CellClassificationLoss,
    cell_classification_loss,
    segment_classification_loss,
)
from aher_lightning.structures import Targets
from tests.helpers.golden_anchors import LEVELS
from tests.helpers.golden_fill import fill
from tests.helpers.golden_losses import RELEASED_LOSSES, released_labels


def logits_like(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_segment_loss_sums_levels_and_averages_the_batch() -> None:
    logits = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    expected = (math.log(2) + math.log(4 / 3)) / 2 + math.log(2)
    assert segment_classification_loss(logits, torch.tensor([1, 0])).item() == pytest.approx(expected)


@pytest.mark.parametrize(("levels", "batch", "classes"), [(1, 1, 2), (8, 3, 5), (2, 4, 1)])
def test_segment_loss_equals_a_plain_loop(levels: int, batch: int, classes: int) -> None:
    logits = logits_like(levels, batch, classes)
    labels = torch.randint(classes, (batch,), generator=torch.Generator().manual_seed(1))
    probabilities = logits.softmax(dim=-1)
    expected = -sum(
        math.log(probabilities[level, video, labels[video]]) for level in range(levels) for video in range(batch)
    )
    loss = segment_classification_loss(logits, labels)
    assert loss.item() == pytest.approx(expected / batch, abs=1e-12)
    assert segment_classification_loss(logits + 5, labels).item() == pytest.approx(loss.item(), abs=1e-9)


def test_cell_loss_averages_the_cells_that_count() -> None:
    logits = logits_like(2, 3, 4)
    log_probabilities = logits.log_softmax(dim=1)
    labels = torch.tensor([2, 0])
    all_cells = -torch.cat((log_probabilities[0, 2], log_probabilities[1, 0])).mean()
    torch.testing.assert_close(cell_classification_loss(logits, labels), all_cells)
    mask = torch.tensor([[True, False, False, True], [False] * 4])
    expected = -log_probabilities[0, 2, [0, 3]].mean()
    torch.testing.assert_close(cell_classification_loss(logits, labels, mask), expected)


def test_cell_loss_takes_a_label_per_cell() -> None:
    logits = logits_like(1, 3, 4)
    labels = torch.tensor([[0, 2, -1, 1]])
    log_probabilities = logits.log_softmax(dim=1)[0]
    expected = -(log_probabilities[0, 0] + log_probabilities[2, 1] + log_probabilities[1, 3]) / 3
    torch.testing.assert_close(cell_classification_loss(logits, labels), expected)
    same = cell_classification_loss(logits, torch.full((1, 4), 2))
    torch.testing.assert_close(same, cell_classification_loss(logits, torch.tensor([2])))


def test_nothing_to_classify_is_zero() -> None:
    assert segment_classification_loss(torch.zeros(8, 0, 3), torch.zeros(0, dtype=torch.long)).item() == 0
    assert cell_classification_loss(torch.zeros(0, 3, 4), torch.zeros(0, dtype=torch.long)).item() == 0
    logits = torch.zeros(2, 3, 4, requires_grad=True)
    loss = cell_classification_loss(logits, torch.tensor([-1, -1]))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.item() == 0
    assert not gradient.any()


def test_gradients() -> None:
    labels = torch.tensor([1, 0])
    assert torch.autograd.gradcheck(
        lambda logits: segment_classification_loss(logits, labels), (logits_like(3, 2, 4).requires_grad_(),)
    )
    assert torch.autograd.gradcheck(
        lambda logits: cell_classification_loss(logits, labels), (logits_like(2, 4, 3).requires_grad_(),)
    )


@pytest.mark.golden
def test_segment_loss_equals_the_released_code() -> None:
    logits = torch.stack([torch.from_numpy(fill(f"loss_reg_l{level}", (16, 200), -4, 4)) for level, _ in LEVELS])
    loss = segment_classification_loss(logits, released_labels())
    assert 2 / (16 * len(LEVELS)) * loss.item() == pytest.approx(
        RELEASED_LOSSES["train"]["segment_classification"], rel=1e-5
    )


# Three videos of two cells: two instances, one (and padding), none.
LABELS = torch.tensor([[2, 0], [1, -1], [-1, -1]])
TARGETS = Targets(
    is_foreground=torch.tensor([[True, True], [False, False], [False, False]]),
    instances=torch.tensor([[0, 1], [0, 0], [0, 0]]),
    is_background=torch.zeros(3, 2, dtype=torch.bool),
    details={},
)
REDUCTIONS: tuple[Literal["mean", "sum"], ...] = ("mean", "sum")


@pytest.mark.parametrize(
    ("cells", "cell_labels"),
    [("all", [[2, 0], [1, 1], [-1, -1]]), ("foreground", [[2, 0], [-1, -1], [-1, -1]])],
)
def test_each_cell_learns_the_category_of_its_instance(
    cells: Literal["all", "foreground"], cell_labels: list[list[int]]
) -> None:
    logits = logits_like(3, 3, 2)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(cell_labels), ignore_index=-1)
    torch.testing.assert_close(CellClassificationLoss(cells=cells)(logits, LABELS, TARGETS), expected)
    torch.testing.assert_close(CellClassificationLoss(cells=cells, weight=2)(logits, LABELS, TARGETS), 2 * expected)


def test_cells_can_be_summed() -> None:
    mean, total = (CellClassificationLoss(reduction=one)(logits_like(3, 3, 2), LABELS, TARGETS) for one in REDUCTIONS)
    torch.testing.assert_close(total, mean * 4 / 3)  # four cells have a category; there are three videos


@pytest.mark.parametrize("cells", ["all", "foreground"])
@pytest.mark.parametrize("videos", [0, 3])
def test_without_instances_no_cell_learns(cells: Literal["all", "foreground"], videos: int) -> None:
    logits = logits_like(videos, 3, 2).requires_grad_()
    nothing = TARGETS._replace(
        is_foreground=torch.zeros(videos, 2, dtype=torch.bool), instances=torch.zeros(videos, 2, dtype=torch.int64)
    )
    loss = CellClassificationLoss(cells=cells)(logits, torch.zeros(videos, 0, dtype=torch.int64), nothing)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
