from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from aher_lightning.ops.coding import encode_offsets
from aher_lightning.ops.matching import AnchorMatches, gather_matched_segments, match_anchors
from aher_lightning.ops.segments import centre_width_to_segments, clip_segments, segments_to_centre_width
from tests.helpers.golden_anchors import (
    CLIP_TO,
    LEVELS,
    STEPS,
    concatenate_levels,
    released_anchors,
    released_segments,
)
from tests.helpers.golden_fill import golden_path

SPANS = [[0.0, 0.2], [0.2, 0.4], [0.4, 0.6], [0.6, 0.8], [0.8, 1.0], [0.0, 1.0]]
ANCHORS = segments_to_centre_width(torch.tensor(SPANS))


def match(*segments: tuple[float, float], match_best_anchor: bool = False) -> AnchorMatches:
    ground_truth = torch.tensor(segments).view(1, -1, 2)
    is_real = torch.ones(1, len(segments), dtype=torch.bool)
    return match_anchors(ANCHORS, ground_truth, is_real, match_best_anchor=match_best_anchor)


def overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    intersection = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    return intersection / (a[1] - a[0] + b[1] - b[0] - intersection) if intersection else 0.0


def test_hand_computed_states() -> None:
    matches = match((0.0, 0.19), (0.4, 0.7))
    torch.testing.assert_close(matches.overlaps, torch.tensor([[0.95, 0.0, 2 / 3, 0.25, 0.0, 0.3]]))
    assert matches.indices.tolist() == [[0, 0, 1, 1, 0, 1]]
    assert matches.states.tolist()[0][:5] == [1, 0, -1, 0, 0]


def test_thresholds_are_strict() -> None:
    anchors = torch.tensor([[0.25, 0.5], [0.125, 0.25]])
    is_real = torch.tensor([[True]])
    segments = torch.tensor([[[0.0, 0.5]]])  # tIoU 1 and 0.5
    assert match_anchors(anchors, segments, is_real, foreground=0.5, background=0.5).states.tolist() == [[1, -1]]
    assert match_anchors(anchors, segments, is_real, foreground=0.49, background=0.3).states.tolist() == [[1, 1]]
    assert match_anchors(anchors, segments, is_real, foreground=1.0, background=0.51).states.tolist() == [[-1, 0]]


def test_the_first_of_equal_instances_wins() -> None:
    matches = match((0.0, 0.2), (0.0, 0.2), (0.4, 0.6), (0.4, 0.6))
    assert matches.indices.tolist() == [[0, 0, 2, 0, 0, 2]]


def test_padding_and_videos_without_ground_truth_are_background() -> None:
    segments = torch.tensor([[[0.0, 1.0], [0.0, 0.2]], [[0.0, 1.0], [0.4, 0.6]]])
    is_real = torch.tensor([[False, False], [False, True]])
    matches = match_anchors(ANCHORS, segments, is_real, match_best_anchor=True)
    assert matches.overlaps[0].tolist() == [0.0] * 6
    assert matches.indices.tolist() == [[0] * 6, [0, 0, 1, 0, 0, 1]]
    assert matches.states.tolist() == [[0] * 6, [0, 0, 1, 0, 0, 0]]


@pytest.mark.parametrize("match_best_anchor", [False, True])
@pytest.mark.parametrize(("videos", "instances"), [(0, 3), (2, 0), (0, 0)])
def test_empty_ground_truth(videos: int, instances: int, match_best_anchor: bool) -> None:
    segments, is_real = torch.zeros(videos, instances, 2), torch.ones(videos, instances, dtype=torch.bool)
    matches = match_anchors(ANCHORS, segments, is_real, match_best_anchor=match_best_anchor)
    assert matches.overlaps.tolist() == [[0.0] * 6] * videos
    assert matches.indices.tolist() == matches.states.tolist() == [[0] * 6] * videos
    assert matches.states.dtype == matches.indices.dtype == torch.int64
    assert gather_matched_segments(segments, matches.indices).shape == (videos, 6, 2)


def test_every_instance_gets_its_best_anchor() -> None:
    segments = ((0.05, 0.15), (0.5, 0.88))
    assert 1 not in match(*segments).states
    matches = match(*segments, match_best_anchor=True)
    assert matches.states.tolist()[0] == [1, 0, 0, 1, 0, -1]
    assert matches.indices[0, [0, 3]].tolist() == [0, 1]
    torch.testing.assert_close(matches.overlaps, match(*segments).overlaps)


def test_a_claimed_anchor_belongs_to_the_instance_that_claims_it() -> None:
    # The whole video is the best anchor of the second instance, though the first overlaps it more.
    matches = match((0.0, 0.2), (0.21, 0.39), match_best_anchor=True)
    assert matches.indices[0, :2].tolist() == [0, 1]
    anchors = segments_to_centre_width(torch.tensor([[0.0, 0.4], [0.0, 0.5]]))
    segments = torch.tensor([[[0.0, 0.41], [0.05, 0.38]]])
    claimed = match_anchors(anchors[:1], segments, torch.tensor([[True, True]]), match_best_anchor=True)
    assert claimed.indices.tolist() == [[0]]  # both claim it, the first overlaps more
    assert claimed.states.tolist() == [[1]]


def test_an_instance_without_length_claims_nothing() -> None:
    matches = match((0.3, 0.3), match_best_anchor=True)
    assert matches.states.tolist() == [[0] * 6]
    assert matches.overlaps.tolist() == [[0.0] * 6]


def test_clipping_concerns_the_comparison_only() -> None:
    anchors = torch.tensor([[0.5, 2.0]])
    whole = torch.tensor([[[0.0, 1.0]]])
    is_real = torch.tensor([[True]])
    assert match_anchors(anchors, whole, is_real).overlaps.item() == pytest.approx(0.5)
    assert match_anchors(anchors, whole, is_real, clip_to=(0.0, 1.0)).overlaps.item() == pytest.approx(1.0)


@pytest.mark.parametrize(("background", "foreground"), [(0.0, 0.8), (0.9, 0.8), (0.3, 1.1)])
def test_impossible_thresholds_are_refused(background: float, foreground: float) -> None:
    with pytest.raises(ValueError, match="0 < background <= foreground <= 1"):
        match_anchors(
            ANCHORS, torch.zeros(1, 0, 2), torch.zeros(1, 0).bool(), foreground=foreground, background=background
        )


@pytest.mark.parametrize("seed", range(5))
def test_matching_equals_a_plain_loop(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    segments = torch.rand(3, 4, 2, generator=generator).sort(dim=-1).values
    is_real = torch.rand(3, 4, generator=generator) < 0.7
    matches = match_anchors(ANCHORS, segments, is_real, foreground=0.5, background=0.2)
    for video in range(3):
        for anchor, span in enumerate(centre_width_to_segments(ANCHORS).tolist()):
            best, index = 0.0, 0
            for instance, segment in enumerate(segments[video].tolist()):
                value = overlap(span, segment) if is_real[video, instance] else 0.0
                if value > best:
                    best, index = value, instance
            assert matches.overlaps[video, anchor].item() == pytest.approx(best, abs=1e-6)
            assert matches.indices[video, anchor] == index
            assert matches.states[video, anchor] == (1 if best > 0.5 else 0 if best < 0.2 else -1)


def test_gathering_picks_each_anchors_instance() -> None:
    segments = torch.arange(12.0).view(2, 3, 2)
    gathered = gather_matched_segments(segments, torch.tensor([[2, 0], [1, 1]]))
    assert gathered.tolist() == [[[4.0, 5.0], [0.0, 1.0]], [[8.0, 9.0], [8.0, 9.0]]]


@pytest.mark.golden
def test_anchors_equal_the_released_ones() -> None:
    spans = clip_segments(centre_width_to_segments(released_anchors()), *CLIP_TO) * STEPS
    with np.load(golden_path("tf", "01_anchors.npz")) as reference:
        for side, key in enumerate(("start", "end")):
            expected = torch.cat([torch.from_numpy(reference[f"clipped_{key}_{i}"]).flatten() for i, _ in LEVELS])
            torch.testing.assert_close(spans[:, side], expected, rtol=1e-6, atol=0)


@pytest.fixture(scope="module")
def released_matches() -> tuple[Tensor, AnchorMatches]:
    segments, is_real = released_segments()
    return segments, match_anchors(released_anchors(), segments, is_real, clip_to=CLIP_TO)


@pytest.mark.golden
def test_overlaps_and_states_equal_the_released_code(released_matches: tuple[Tensor, AnchorMatches]) -> None:
    matches = released_matches[1]
    expected = concatenate_levels(golden_path("tf", "02_encode.npz"), "iou")
    assert expected.shape == (16, 765)
    torch.testing.assert_close(matches.overlaps, expected, rtol=0, atol=1e-6)
    assert int((matches.states == 1).sum()) == 22
    assert int((matches.states == 0).sum()) == 11671
    assert int((matches.overlaps > 0).sum()) == 5492


@pytest.mark.golden
@pytest.mark.parametrize(("foreground", "background"), [(0.8, 0.3), (0.65, 0.35)])
def test_the_state_of_every_anchor_equals_the_released_code(foreground: float, background: float) -> None:
    segments, is_real = released_segments()
    matches = match_anchors(
        released_anchors(), segments, is_real, foreground=foreground, background=background, clip_to=CLIP_TO
    )
    overlaps = concatenate_levels(golden_path("tf", "02_encode.npz"), "iou")
    expected = torch.full_like(matches.states, -1).masked_fill(overlaps < background, 0)
    assert torch.equal(matches.states, expected.masked_fill(overlaps > foreground, 1))


@pytest.mark.golden
def test_anchors_without_instance_are_those_of_the_released_code(
    released_matches: tuple[Tensor, AnchorMatches],
) -> None:
    targets = concatenate_levels(golden_path("tf", "02_encode.npz"), "iou_target")
    overlaps = released_matches[1].overlaps
    torch.testing.assert_close(overlaps.where(overlaps > 0, -1), targets, rtol=0, atol=1e-6)


@pytest.mark.golden
@pytest.mark.parametrize("video", range(16))
def test_offset_targets_equal_the_released_code(released_matches: tuple[Tensor, AnchorMatches], video: int) -> None:
    # The first six are the edge cases: whole video, duplicates that touch, nested ties, right and left edge, an anchor.
    segments, matches = released_matches
    targets = segments_to_centre_width(gather_matched_segments(segments, matches.indices))
    offsets = encode_offsets(released_anchors(), targets, 0.1, 0.1)[video]
    expected = concatenate_levels(golden_path("tf", "02_encode.npz"), "loc", 2)[video]
    is_matched = matches.overlaps[video] > 0
    assert bool(is_matched.any())
    torch.testing.assert_close(offsets[is_matched], expected[is_matched], rtol=1e-5, atol=2e-4)
