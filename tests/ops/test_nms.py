from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aher_lightning.ops.coding import decode_offsets
from aher_lightning.ops.nms import batched_nms, nms
from aher_lightning.ops.segments import centre_width_to_segments, clip_segments, denormalize_segments, temporal_iou
from tests.helpers.golden_anchors import LEVELS, released_anchors
from tests.helpers.golden_fill import fill


def greedy(segments: Tensor, scores: Tensor, threshold: float, labels: Tensor | None = None) -> list[int]:
    overlaps = temporal_iou(segments, segments).tolist()
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i].item(), i)):
        rivals = [j for j in kept if labels is None or labels[i] == labels[j]]
        if scores[i] > -torch.inf and all(overlaps[i][j] <= torch.tensor(threshold).item() for j in rivals):
            kept.append(i)
    return kept


def random_candidates(batch: int, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres, widths = torch.rand(2, batch, count, generator=generator)
    segments = centre_width_to_segments(torch.stack((centres, widths * 0.4), dim=-1))
    return segments, torch.rand(batch, count, generator=generator)


def unpad(kept: Tensor) -> list[list[int]]:
    return [[i for i in video if i >= 0] for video in kept.tolist()]


def test_hand_computed_case() -> None:
    segments = torch.tensor([[0.0, 10.0], [0.0, 9.0], [0.0, 5.0], [20.0, 30.0]])
    scores = torch.tensor([0.8, 0.9, 0.7, 0.1])
    assert nms(segments, scores, 0.5).tolist() == [1, 3]  # 10/9 and 5/9 overlap
    assert nms(segments, scores, 0.6).tolist() == [1, 2, 3]
    assert nms(segments, scores, 0.9).tolist() == [1, 0, 2, 3]  # 0.9 does not exceed 0.9
    assert nms(segments, scores, 0.6, max_keep=2).tolist() == [1, 2]


def test_what_is_suppressed_suppresses_nothing() -> None:
    chain = torch.tensor([[i * 0.25, i * 0.25 + 1.0] for i in range(400)])  # neighbours overlap by 0.6
    scores = torch.linspace(1, 0, 400)
    assert nms(chain, scores, 0.5).tolist() == list(range(0, 400, 2))


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(("batch", "count"), [(1, 1), (2, 40), (5, 150), (2, 600)])
def test_equals_greedy(batch: int, count: int, threshold: float) -> None:
    segments, scores = random_candidates(batch, count)
    kept = unpad(batched_nms(segments, scores, threshold))
    expected = [greedy(*video, threshold) for video in zip(segments, scores, strict=True)]
    assert kept == expected
    assert [nms(*video, threshold).tolist() for video in zip(segments, scores, strict=True)] == expected
    assert unpad(batched_nms(segments, scores, threshold, max_keep=7)) == [video[:7] for video in expected]


def test_labels_suppress_only_their_own() -> None:
    segments, scores = random_candidates(4, 200)
    labels = torch.randint(3, (4, 200), generator=torch.Generator().manual_seed(1))
    kept = unpad(batched_nms(segments, scores, 0.4, labels=labels))
    videos = zip(segments, scores, labels, strict=True)
    assert kept == [greedy(s, p, 0.4, category) for s, p, category in videos]
    assert unpad(batched_nms(segments, scores, 0.4, labels=torch.zeros_like(labels))) == unpad(
        batched_nms(segments, scores, 0.4)
    )


def test_absent_candidates_neither_stay_nor_suppress() -> None:
    segments, scores = random_candidates(3, 100)
    scores[:, ::3] = -torch.inf
    scores[1] = -torch.inf
    kept = batched_nms(segments, scores, 0.5)
    assert unpad(kept) == [greedy(*video, 0.5) for video in zip(segments, scores, strict=True)]
    assert kept[1].tolist() == [-1] * kept.shape[1]
    assert batched_nms(segments[1:2], scores[1:2], 0.5).shape == (1, 0)


def test_equal_scores_go_by_order() -> None:
    segments = torch.tensor([[0.0, 1.0], [5.0, 6.0], [0.0, 1.0], [5.0, 6.0]])
    assert nms(segments, torch.ones(4), 0.5).tolist() == [0, 1]


def test_segments_without_length_are_kept() -> None:
    segments = torch.tensor([[1.0, 1.0], [1.0, 1.0], [3.0, 2.0], [0.0, 9.0]])
    assert nms(segments, torch.tensor([4.0, 3.0, 2.0, 1.0]), 0.5).tolist() == [0, 1, 2, 3]


def test_laws() -> None:
    segments, scores = random_candidates(1, 300, seed=2)
    kept = nms(segments[0], scores[0], 0.5)
    survivors = segments[0, kept]
    overlaps = temporal_iou(survivors, survivors).fill_diagonal_(0)
    assert overlaps.max() <= 0.5
    assert bool((scores[0, kept].diff() <= 0).all())
    assert temporal_iou(segments[0], survivors).amax(dim=1).min() > 0.5  # whatever went has a kept rival
    assert nms(survivors, scores[0, kept], 0.5).tolist() == list(range(len(kept)))
    assert torch.equal(nms(segments[0] * 64 + 32, scores[0] * 2, 0.5), kept)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)])
def test_empty_batches(shape: tuple[int, int]) -> None:
    kept = batched_nms(torch.zeros(*shape, 2), torch.zeros(shape), 0.5)
    assert kept.shape == (shape[0], 0)
    assert kept.dtype == torch.int64


def test_many_proposals_give_the_same_alone_as_in_a_batch() -> None:
    segments, scores = random_candidates(2, 5000)
    kept = unpad(batched_nms(segments, scores, 0.9))
    assert kept == [nms(*video, 0.9).tolist() for video in zip(segments, scores, strict=True)]
    assert 1000 < len(kept[0]) < 2000


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_impossible_threshold_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"NMS threshold must lie in \[0, 1\]"):
        nms(torch.zeros(1, 2), torch.zeros(1), threshold)


def test_keeping_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="max_keep must be at least 1"):
        nms(torch.zeros(1, 2), torch.zeros(1), 0.5, max_keep=0)


@pytest.mark.golden
@pytest.mark.parametrize(("case", "scale"), [("v0", 20), ("v1", 4)])
def test_equals_the_released_code(case: str, scale: int) -> None:
    reference = json.loads((Path(__file__).parents[1] / "golden" / "released_nms.json").read_text())[case]
    offsets, scores = [], []
    for level, length in LEVELS:
        low, high = (0.08 * (level - 1), 0.08 * (level - 1) + 0.3) if case == "v0" else (0.0, 1.0)
        places = [fill(f"det_{axis}_{case}_l{level}", (length * 3,), -scale, scale) for axis in "cw"]
        offsets.append(torch.stack([torch.from_numpy(place) for place in places], dim=-1))
        scores.append(torch.from_numpy(fill(f"det_iou_{case}_l{level}", (length * 3,), low, high)))
    decoded = decode_offsets(released_anchors(), torch.cat(offsets), 0.1, 0.1)
    clipped = clip_segments(centre_width_to_segments(decoded))
    segments = denormalize_segments(clipped, reference["duration"])
    kept = nms(segments, torch.cat(scores), reference["threshold"], max_keep=100)
    assert kept.tolist() == reference["keep_index"]
    torch.testing.assert_close(segments[kept], torch.tensor(reference["segments"]), rtol=0, atol=1e-4)
