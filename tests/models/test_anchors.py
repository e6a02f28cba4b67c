from __future__ import annotations

import numpy as np
import pytest
import torch

from aher_lightning.models.anchors import generate_anchors
from tests.helpers.golden_fill import golden_path
from tests.models.released import CELLS, SCALE_RATIOS


def test_equation_three_by_hand() -> None:
    anchors = generate_anchors([4, 1], [1.0, 2.0])
    assert anchors.shape == (10, 2)
    assert anchors.dtype == torch.float32
    torch.testing.assert_close(anchors[4], torch.tensor([2.5 / 4, 1 / 4]))
    torch.testing.assert_close(anchors[5], torch.tensor([2.5 / 4, 2 / 4]))
    torch.testing.assert_close(anchors[8:], torch.tensor([[0.5, 1.0], [0.5, 2.0]]))


def test_paper_has_765_anchors_that_tile_every_level() -> None:
    anchors = generate_anchors(CELLS, (1.0, 2 ** (1 / 3), 2 ** (2 / 3)))
    assert anchors.shape == (765, 2)
    narrow = anchors[0 : 3 * 128 : 3]
    torch.testing.assert_close(narrow[:-1].sum(dim=1) - narrow[:-1, 1] / 2, narrow[1:, 0] - narrow[1:, 1] / 2)


@pytest.mark.parametrize(("lengths", "ratios"), [([0], [1.0]), ([4, -1], [1.0]), ([4], [0.0]), ([4], [-1.0])])
def test_impossible_sizes_are_refused(lengths: list[int], ratios: list[float]) -> None:
    with pytest.raises(ValueError, match="levels need cells and ratios must be positive"):
        generate_anchors(lengths, ratios)


@pytest.mark.golden
def test_released_anchors() -> None:
    golden = np.load(golden_path("tf", "01_anchors.npz"))
    anchors = generate_anchors(CELLS, SCALE_RATIOS).reshape(-1, 3, 2) * 512
    levels = anchors.split(list(CELLS))  # type: ignore[no-untyped-call]  # torch leaves Tensor.split untyped
    for level, cells in enumerate(levels, 1):
        np.testing.assert_allclose(cells[:, 0, 0], golden[f"center_{level}"], rtol=1e-6)
        np.testing.assert_allclose(cells[0, :, 1], golden[f"width_{level}"], rtol=1e-6)
        start, end = cells[..., 0] - cells[..., 1] / 2, cells[..., 0] + cells[..., 1] / 2
        np.testing.assert_allclose(start.clamp(min=0), golden[f"clipped_start_{level}"], rtol=1e-6)
        np.testing.assert_allclose(end.clamp(max=511), golden[f"clipped_end_{level}"], rtol=1e-6)
