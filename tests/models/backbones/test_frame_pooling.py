from __future__ import annotations

import pytest
import torch

from aher_lightning.models.backbones.frame_pooling import ALL_POOLS, pool_frames


def test_each_pool_computed_by_hand() -> None:
    frames = torch.tensor([[[0.0, 5.0], [3.0, 5.0], [1.0, 5.0], [5.0, 5.0], [9.0, 5.0], [7.0, 5.0], [100.0, 5.0]]])
    assert pool_frames(frames[:, :6], ["mean"]).tolist() == [[pytest.approx(25 / 6), 5.0]]
    # |3| + |-2| + |4| + |4| + |-2| over five differences.
    assert pool_frames(frames[:, :6], ["change"]).tolist() == [[3.0, 0.0]]
    assert pool_frames(frames[:, :6], ["trend"]).tolist() == [[8.0 - 1.5, 0.0]]
    # Thirds are rounded down.
    assert pool_frames(frames, ["trend"])[0, 0] == (7 + 100) / 2 - (0 + 3) / 2


def test_pools_stand_next_to_each_other_in_order() -> None:
    frames = torch.randn(3, 8, 4)
    parts = [pool_frames(frames, [pool]) for pool in ("trend", "mean")]
    assert torch.equal(pool_frames(frames, ["trend", "mean"]), torch.cat(parts, dim=1))
    assert pool_frames(frames).shape == (3, 12)


def test_reversal_flips_the_trend_alone() -> None:
    frames = torch.randn(2, 9, 4, dtype=torch.float64)
    mean, change, trend = torch.split(pool_frames(frames), 4, dim=1)
    torch.testing.assert_close(pool_frames(frames.flip(1)), torch.cat((mean, change, -trend), dim=1))


@pytest.mark.parametrize("length", [1, 2, 3])
def test_still_content_has_neither_change_nor_trend(length: int) -> None:
    frames = torch.ones(2, length, 3)
    assert pool_frames(frames, ALL_POOLS).tolist() == [[1.0] * 3 + [0.0] * 6] * 2


def test_gradients_reach_every_frame() -> None:
    frames = torch.randn(1, 6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pool_frames, (frames,))
