from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.models.anchor_head import AnchorHead
from aher_lightning.models.base import ScoreFusion, Suppression
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.models.score_fusion import ProductFusion, VideoCategoryFusion
from aher_lightning.models.suppression import HardNMS, SoftNMS
from aher_lightning.structures import Candidates, Detections, LevelOutputs, Proposals, Survivors
from tests.helpers.golden_fill import fill, golden_path
from tests.models.released import CELLS, SCALE_RATIOS

HEAD = AnchorHead([1], [2], scale_ratios=(1.0, 0.5))
RELEASED = AnchorHead([1] * 8, CELLS, scale_ratios=SCALE_RATIOS, centre_scale=0.1, width_scale=0.1)
LARGER = AnchorHead([1, 1, 1], [8, 4, 2], scale_ratios=(1.0, 1.26, 1.587))


PAPER = DetectionDecoder(ProductFusion(), HardNMS(0.9), top_categories=1)
DECODERS = [PAPER, DetectionDecoder(), DetectionDecoder(suppression=HardNMS(0.5, class_agnostic=False))]


def outputs_of(probabilities: Tensor, overlaps: Tensor, offsets: Tensor | None = None) -> LevelOutputs:
    """Return outputs for the four anchors of HEAD, from class probabilities by cell ``(B, 2, K)``."""
    moved = torch.zeros(*overlaps.shape, 2) if offsets is None else offsets
    return LevelOutputs(probabilities.log().transpose(1, 2), {"offsets": moved, "overlaps": overlaps})


def two_videos() -> LevelOutputs:
    probabilities = torch.tensor([[[0.9, 0.1], [0.3, 0.7]], [[0.2, 0.8], [0.4, 0.6]]])
    return outputs_of(probabilities, torch.tensor([[0.5, 0.8, 1.0, 0.1], [0.9, 0.2, 0.5, 0.4]]))


def random_outputs(videos: int, seed: int = 0, cells: tuple[int, ...] = (8, 4, 2), spread: float = 1.0) -> LevelOutputs:
    generator = torch.Generator().manual_seed(seed)
    total = sum(cells)
    return LevelOutputs(
        torch.randn(videos, 5, total, generator=generator),
        {
            "offsets": spread * torch.randn(videos, 3 * total, 2, generator=generator),
            "overlaps": torch.rand(videos, 3 * total, generator=generator),
        },
    )


def test_detections_of_two_videos_by_hand() -> None:
    first, second = PAPER(two_videos(), HEAD, torch.tensor([10.0, 100.0], dtype=torch.float64))
    torch.testing.assert_close(first.scores, torch.tensor([0.72, 0.7, 0.45, 0.07]))
    assert first.labels.tolist() == [0, 1, 0, 1]
    assert first.segments.tolist() == [[1.25, 3.75], [5.0, 10.0], [0.0, 5.0], [6.25, 8.75]]
    torch.testing.assert_close(second.scores, torch.tensor([0.72, 0.3, 0.24, 0.16]))
    assert second.labels.tolist() == [1] * 4
    assert second.segments[0].tolist() == [0.0, 50.0]


def test_segments_outside_the_video_are_dropped_and_others_clipped() -> None:
    offsets = torch.zeros(1, 4, 2)
    offsets[0, 0, 0] = -3.0  # wholly before the video
    offsets[0, 2, 1] = 200.0  # exp overflows: as wide as can be
    offsets[0, 3, 0] = torch.nan
    detections = PAPER(outputs_of(torch.ones(1, 2, 1), torch.ones(1, 4), offsets), HEAD, torch.tensor([7.0]))
    assert len(detections) == 1
    assert sorted(detections[0].segments.tolist()) == [[0.0, 7.0], [0.875, 2.625]]


@pytest.mark.parametrize("decoder", DECODERS)
def test_detections_lie_in_their_video_in_descending_order_of_score(decoder: DetectionDecoder) -> None:
    durations = torch.tensor([0.1, 7.3, 86400.123], dtype=torch.float64)
    for detections, duration in zip(decoder(random_outputs(3), LARGER, durations), durations, strict=True):
        assert 0 < len(detections.scores) <= 42 * decoder.top_categories
        assert (detections.segments[:, 0] >= 0).all()
        assert (detections.segments[:, 1] <= duration).all()
        assert (detections.segments[:, 1] > detections.segments[:, 0]).all()
        assert (detections.scores.diff() <= 0).all()
        assert detections.scores.isfinite().all()


@pytest.mark.parametrize("decoder", DECODERS)
def test_videos_of_a_batch_are_independent(decoder: DetectionDecoder) -> None:
    outputs = random_outputs(4, spread=3.0)
    durations = torch.tensor([3.0, 5.0, 7.0, 11.0])
    together = decoder(outputs, LARGER, durations)
    assert len({len(detections.scores) for detections in together}) > 1
    for row, detections in enumerate(together):
        one = slice(row, row + 1)
        said = {name: values[one] for name, values in outputs.head.items()}
        (alone,) = decoder(LevelOutputs(outputs.class_logits[one], said), LARGER, durations[one])
        for mine, other in zip(detections, alone, strict=True):
            torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("decoder", DECODERS)
def test_no_videos_and_nothing_kept_give_empty_detections(decoder: DetectionDecoder) -> None:
    assert decoder(random_outputs(0), LARGER, torch.zeros(0)) == []
    outputs = random_outputs(2)
    outputs.head["offsets"].fill_(torch.nan)
    for detections in decoder(outputs, LARGER, torch.tensor([3.0, 5.0])):
        assert detections.segments.shape == (0, 2)
        assert detections.scores.shape == detections.labels.shape == (0,)


def test_plugged_fusion_and_suppression_are_used() -> None:
    class Constant(ScoreFusion):
        def __call__(self, proposals: Proposals, probabilities: Tensor) -> Tensor:
            del proposals
            return torch.tensor([0.25, 0.5]).expand(probabilities.shape)

    class Third(Suppression):
        class_agnostic = True

        def __call__(self, segments: Tensor, scores: Tensor, labels: Tensor, max_keep: int) -> Survivors:
            del labels, max_keep
            indices = torch.tensor([[2, -1]]).expand(len(segments), 2)
            return Survivors(indices, segments[:, [2, 0]] / 2, scores[:, [2, 0]] / 5)

    for detections in DetectionDecoder(Constant(), Third())(two_videos(), HEAD, torch.tensor([10.0, 10.0])):
        # The segment is the suppression's, and both categories lose as much as the better one.
        assert detections.segments.tolist() == [[2.5, 5.0]] * 2
        torch.testing.assert_close(detections.scores, torch.tensor([0.1, 0.05]))
        assert detections.labels.tolist() == [1, 0]


def test_candidates_keep_every_anchor() -> None:
    candidates = PAPER.candidates(two_videos(), HEAD)
    assert isinstance(candidates, Candidates)
    assert candidates.segments.shape == (2, 4, 2)
    torch.testing.assert_close(candidates.scores[0, :, 0], torch.tensor([0.45, 0.72, 0.7, 0.07]))


def one_video(*rows: tuple[float, float, list[float]]) -> Candidates:
    """Return the candidates of one video, from start, end and the scores of categories 0, 1, ..."""
    scores, labels = torch.tensor([[row[2] for row in rows]]).sort(dim=-1, descending=True)
    return Candidates(torch.tensor([[row[:2] for row in rows]]), scores, labels)


SECOND = torch.ones(1)


def rows_of(found: Detections) -> list[tuple[float, int, float]]:
    """Return start, label and score of each detection."""
    return [
        (round(float(segment[0]), 4), int(label), round(float(score), 4))
        for segment, score, label in zip(*found, strict=True)
    ]


def test_segments_are_labelled_with_several_categories_after_suppression() -> None:
    candidates = one_video((0.0, 0.5, [0.8, 0.2]), (0.0, 0.5, [0.3, 0.5]), (0.6, 0.9, [0.1, 0.4]))
    (hard,) = DetectionDecoder(suppression=HardNMS(0.9)).select(candidates, SECOND)
    assert rows_of(hard) == [(0.0, 0, 0.8), (0.6, 1, 0.4), (0.0, 1, 0.2), (0.6, 0, 0.1)]
    # exp(-1 / 0.5) of both categories of the second segment
    (soft,) = DetectionDecoder(suppression=SoftNMS(sigma=0.5)).select(candidates, SECOND)
    assert rows_of(soft)[3:] == [(0.6, 0, 0.1), (0.0, 1, 0.0677), (0.0, 0, 0.0406)]


def test_segments_are_labelled_before_a_suppression_by_category() -> None:
    candidates = one_video((0.0, 0.5, [0.8, 0.2]), (0.0, 0.5, [0.3, 0.5]))
    decoder = DetectionDecoder(suppression=HardNMS(0.9, class_agnostic=False))
    assert rows_of(decoder.select(candidates, SECOND)[0]) == [(0.0, 0, 0.8), (0.0, 1, 0.5)]


def test_the_number_of_segments_and_of_categories_is_limited() -> None:
    outputs = random_outputs(2, spread=0.1)
    found = DetectionDecoder(suppression=HardNMS(1.0), top_categories=2, max_segments=5)(outputs, LARGER, torch.ones(2))
    assert [len(one.scores) for one in found] == [10, 10]
    assert all(len(set(map(tuple, one.segments.tolist()))) == 5 for one in found)
    candidates = DetectionDecoder(top_categories=9).candidates(outputs, LARGER)
    assert candidates.scores.shape == (2, 42, 5)  # the categories that there are
    decoder = DetectionDecoder(suppression=HardNMS(1.0), top_categories=1, max_segments=5)
    assert len(decoder.select(candidates, torch.ones(2), num_windows=3)[0].segments) == 75


def test_numbers_below_one_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'decoder.top_categories' is 0; give at least 1"):
        DetectionDecoder(top_categories=0)
    with pytest.raises(ConfigError, match=r"'decoder.max_segments' is 0; give at least 1"):
        DetectionDecoder(max_segments=0)


@pytest.mark.parametrize("suppression", [HardNMS(0.9), SoftNMS(), HardNMS(0.9, class_agnostic=False)])
def test_selecting_from_a_shortlist_is_selecting_from_all(suppression: Suppression) -> None:
    decoder = DetectionDecoder(suppression=suppression, max_segments=7)
    candidates, durations = decoder.candidates(random_outputs(3), LARGER), torch.tensor([3.0, 5.0, 7.0])
    shortlist = decoder.shortlist(candidates)
    assert shortlist.scores.shape[1] == 3 * decoder.max_segments < 42
    assert (shortlist.scores[..., 0].diff(dim=1) <= 0).all()
    for one, other in zip(decoder.select(candidates, durations), decoder.select(shortlist, durations), strict=True):
        for values, others in zip(one, other, strict=True):
            torch.testing.assert_close(values, others)


def concatenated(levels: list[npt.NDArray[np.float32]], axis: int) -> Tensor:
    return torch.from_numpy(np.concatenate(levels, axis=axis))


@pytest.mark.golden
@pytest.mark.parametrize("video", range(4))
def test_released_decoding(video: int) -> None:
    golden = np.load(golden_path("tf", "03_decode.npz"))
    offsets = [fill(f"decode_loc_v{video}_l{i}", (1, n, 3, 2), -8, 8).reshape(1, -1, 2) for i, n in enumerate(CELLS, 1)]
    segments = RELEASED.decode({"offsets": concatenated(offsets, 1), "overlaps": torch.zeros(1, 765)}).segments[0]
    expected = np.concatenate([golden[f"segments_v{video}_l{i}"].reshape(-1, 2) for i in range(1, 9)])
    np.testing.assert_allclose(segments.numpy() * golden["duration"][video], expected, atol=1e-4, rtol=1e-5)


@pytest.mark.golden
@pytest.mark.parametrize("video", [0, 1])
def test_released_inference(video: int) -> None:
    golden = np.load(golden_path("tf", "08_inference_nms.npz"))
    outputs = released_outputs(video)
    threshold, duration = golden[f"v{video}_cfg"].tolist()
    decoder = DetectionDecoder(VideoCategoryFusion(), HardNMS(threshold), top_categories=1)
    segments, overlaps, _ = RELEASED.decode(outputs.head)
    kept = torch.from_numpy(golden[f"v{video}_keep_index"]).long()
    labels = torch.zeros(1, 765, dtype=torch.long)
    assert torch.equal(decoder.suppression(segments, overlaps, labels, 100).indices[0], kept)
    assert torch.equal(overlaps[0, kept], torch.from_numpy(golden[f"v{video}_scores"]))
    boxes = torch.from_numpy(golden[f"v{video}_boxes"])[:, :2]
    torch.testing.assert_close(segments[0, kept] * duration, boxes, atol=1e-4, rtol=1e-5)
    # What lies outside the video the released code keeps and we drop: we agree on all the others.
    is_inside = boxes[:, 1] > boxes[:, 0]
    (detections,) = decoder(outputs, RELEASED, torch.tensor([duration]))
    count = int(is_inside.sum())
    torch.testing.assert_close(detections.segments[:count].float(), boxes[is_inside], atol=1e-4, rtol=1e-5)
    category = int(golden[f"v{video}_class_id"])
    assert detections.labels.tolist() == [category] * 100
    expected = golden[f"v{video}_scores"] * golden[f"v{video}_avg_class"][category]
    np.testing.assert_allclose(detections.scores[:count], expected[is_inside.numpy()], rtol=1e-5)


@pytest.mark.golden
@pytest.mark.parametrize("video", [0, 1])
def test_released_class_probabilities(video: int) -> None:
    golden = np.load(golden_path("tf", "08_inference_nms.npz"))
    probabilities = released_outputs(video).class_logits.softmax(dim=1).transpose(1, 2)  # (1, 255, 200)
    np.testing.assert_allclose(probabilities[0].mean(dim=0), golden[f"v{video}_avg_class"], rtol=1e-5)
    by_anchor = probabilities.repeat_interleave(3, dim=1)
    proposals = Proposals(torch.tensor([0.0, 1.0]).expand(1, 765, 2), torch.ones(1, 765))
    scores, labels = VideoCategoryFusion()(proposals, by_anchor).max(dim=-1)
    category = int(golden[f"v{video}_class_id"])
    assert labels.tolist() == [[category] * 765]
    assert scores[0, 0].item() == pytest.approx(golden[f"v{video}_avg_class"][category].item(), rel=1e-5)
    # With the paper's fusion, each anchor has the category of its cell.
    scores, labels = ProductFusion()(proposals, by_anchor).max(dim=-1)
    kept = torch.from_numpy(golden[f"v{video}_keep_index"]).long()
    np.testing.assert_array_equal(labels[0, kept], golden[f"v{video}_boxes"][:, 2])
    np.testing.assert_allclose(scores[0, kept], golden[f"v{video}_boxes"][:, 3], rtol=1e-5)


def released_outputs(video: int) -> LevelOutputs:
    """Return the outputs that the released inference was run on."""
    reach = (20, 4)[video]
    logits, offsets, overlaps = [], [], []
    for i, n in enumerate(CELLS, 1):
        low, high = (0.08 * (i - 1), 0.08 * (i - 1) + 0.3) if video == 0 else (0, 1)
        logits.append(fill(f"det_logits_v{video}_l{i}", (1, n, 1, 200), -3, 3)[:, :, 0].transpose(0, 2, 1))
        coordinates = [fill(f"det_{letter}_v{video}_l{i}", (1, n, 3), -reach, reach) for letter in "cw"]
        offsets.append(np.stack(coordinates, axis=-1).reshape(1, -1, 2))
        overlaps.append(fill(f"det_iou_v{video}_l{i}", (1, n, 3, 1), low, high).reshape(1, -1))
    return LevelOutputs(
        concatenated(logits, 2), {"offsets": concatenated(offsets, 1), "overlaps": concatenated(overlaps, 1)}
    )
