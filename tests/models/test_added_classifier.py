from __future__ import annotations

import pytest
import torch
from torch import Tensor

from aher_lightning.models.added_classifier import BLOCK_ROWS, AddedClassifier
from aher_lightning.models.transfer import MLPTransfer

WIDTHS = (10, 12)


def classifier(rows: list[int], num_rows: int) -> AddedClassifier:
    """Return a classifier whose row number r is the same whichever others there are."""
    made = AddedClassifier(WIDTHS, num_rows, len(rows))
    made.rows.copy_(torch.tensor(rows))
    for level, width in enumerate(WIDTHS):
        for row in rows:
            generator = torch.Generator().manual_seed(1000 * level + row)
            made.get_buffer(f"weight_{level}")[row] = torch.randn(width, generator=generator)
            made.get_buffer(f"bias_{level}")[row] = torch.randn((), generator=generator)
    return made


def transfer(width: int) -> MLPTransfer:
    torch.manual_seed(1)
    made = MLPTransfer(width)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def outputs(made: AddedClassifier, batch: int) -> dict[int, tuple[Tensor, Tensor]]:
    """Segment-level and anchor-level logits by row."""
    torch.manual_seed(2)
    features = torch.rand(batch, WIDTHS[1], 7)
    with torch.no_grad():
        segments = made([torch.rand(batch, width) for width in WIDTHS])
        cells = made.classify_cells(*made.transferred(1, transfer(WIDTHS[1])), features)
    return {row: (segments[..., place], cells[:, place]) for place, row in enumerate(made.rows.tolist())}


def test_logits_are_those_of_plain_products() -> None:
    made = classifier([0, 2, 40], 2 * BLOCK_ROWS)
    pooled = [torch.rand(3, width) for width in WIDTHS]
    logits = made(pooled)
    assert logits.shape == (2, 3, 3)
    for level, vectors in enumerate(pooled):
        torch.testing.assert_close(logits[level], vectors @ made.weights(level).T + made.biases(level))
    t = transfer(WIDTHS[1])
    weight, bias = made.transferred(1, t)
    expected = t(made.weights(1), made.biases(1))
    torch.testing.assert_close((weight, bias), expected)
    features = torch.rand(2, WIDTHS[1], 5)
    cells = torch.einsum("kd,bdn->bkn", weight, features) + bias[:, None]
    torch.testing.assert_close(made.classify_cells(weight, bias, features), cells)


@pytest.mark.parametrize("batch", [1, 2, 5, 33])
def test_a_row_gives_the_same_bits_whichever_others_there_are(batch: int) -> None:
    few = outputs(classifier([0, 3], BLOCK_ROWS), batch)
    for rows in ([0, 1, 2, 3, 4], list(range(40)), [0, 3, 63], [3]):
        blocks = -(-(rows[-1] + 1) // BLOCK_ROWS)
        many = outputs(classifier(rows, blocks * BLOCK_ROWS), batch)
        for row in set(few) & set(many):
            assert torch.equal(few[row][0], many[row][0])
            assert torch.equal(few[row][1], many[row][1])


def test_nothing_is_trained_and_everything_is_saved() -> None:
    made = classifier([0, 5], BLOCK_ROWS)
    assert list(made.parameters()) == []
    assert set(made.state_dict()) == {"rows", "weight_0", "bias_0", "weight_1", "bias_1"}
    restored = AddedClassifier(WIDTHS, BLOCK_ROWS, 2)
    restored.load_state_dict(made.state_dict())
    assert restored.num_categories == 2
    assert torch.equal(restored.weights(1), made.weights(1))


@pytest.mark.parametrize(("num_rows", "num_categories"), [(31, 1), (32, 33), (32, -1)])
def test_incomplete_blocks_are_refused(num_rows: int, num_categories: int) -> None:
    with pytest.raises(ValueError, match="are no whole blocks of 32"):
        AddedClassifier(WIDTHS, num_rows, num_categories)
