from __future__ import annotations

import pytest
import torch

from aher_lightning.models.backbones.augmentation import ClipAugmentation


def random_clips(count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, 5, 12, 12, generator=torch.Generator().manual_seed(0))


def test_evaluation_leaves_clips_alone() -> None:
    clips = random_clips()
    assert ClipAugmentation().eval()(clips) is clips
    assert ClipAugmentation()(clips[:0]).shape == (0, 3, 5, 12, 12)


def test_training_changes_every_clip_in_its_own_way() -> None:
    clips = random_clips(1).repeat(6, 1, 1, 1, 1)
    torch.manual_seed(0)
    changed = ClipAugmentation()(clips)
    assert changed.shape == clips.shape
    assert len({clip.numpy().tobytes() for clip in [clips[0], *changed]}) == 7


def test_a_seed_decides_all() -> None:
    augmentation, results = ClipAugmentation(), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(augmentation(random_clips()))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_pictures_are_permuted_scaled_and_rolled() -> None:
    """The definition, clip by clip, from the same random numbers; in any memory format."""
    clips = random_clips()
    torch.manual_seed(3)
    results = [ClipAugmentation()(clips)]
    torch.manual_seed(3)
    results.append(ClipAugmentation()(clips.contiguous(memory_format=torch.channels_last_3d)))
    torch.manual_seed(3)
    orders = torch.rand(4, 3).argsort(dim=1)
    factors = (torch.randint(0, 2, (4, 3)) * 2 - 1) * torch.empty(4, 1).uniform_(0.5, 1.8)
    shifts = torch.randint(-6, 7, (4, 2)).tolist()
    for row, clip in enumerate(clips):
        recoloured = clip[orders[row]] * factors[row].view(3, 1, 1, 1)
        expected = torch.roll(recoloured, shifts[row], dims=(-2, -1))
        assert all(torch.equal(result[row], expected) for result in results)


def test_all_frames_change_alike_so_that_motion_stays() -> None:
    torch.manual_seed(0)
    still = random_clips()[:, :, :1].repeat(1, 1, 5, 1, 1)
    changed = ClipAugmentation()(still)
    assert torch.equal(changed, changed[:, :, :1].repeat(1, 1, 5, 1, 1))


def test_colours_are_permuted_and_scaled_within_bounds() -> None:
    torch.manual_seed(0)
    clips = torch.tensor([1.0, 10.0, 100.0]).view(1, 3, 1, 1, 1).repeat(50, 1, 2, 4, 4)
    changed = ClipAugmentation(max_shift=0, contrast=(0.5, 2.0))(clips)[:, :, 0, 0, 0]
    gains = changed.abs().sum(dim=1) / 111
    assert gains.min() >= 0.5
    assert gains.max() <= 2.0
    torch.testing.assert_close(
        changed.abs().sort(dim=1).values / gains[:, None], torch.tensor([[1.0, 10.0, 100.0]]).repeat(50, 1)
    )
    assert {bool(clip[0] < 0) for clip in changed} == {True, False}
    assert len({tuple(clip.abs().argsort().tolist()) for clip in changed}) == 6


@pytest.mark.parametrize("max_shift", [0, 2])
def test_pictures_are_shifted_by_so_many_pixels_at_most(max_shift: int) -> None:
    torch.manual_seed(0)
    clips = torch.zeros(60, 3, 2, 9, 9)
    clips[..., 4, 4] = 1
    changed = ClipAugmentation(max_shift=max_shift)(clips)
    places = {tuple(clip[0, 0].nonzero()[0].tolist()) for clip in changed}
    assert {abs(row - 4) for row, _ in places} == set(range(max_shift + 1))
    assert {abs(column - 4) for _, column in places} == set(range(max_shift + 1))
