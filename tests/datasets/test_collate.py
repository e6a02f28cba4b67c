from __future__ import annotations

import torch

from aher_lightning.datasets.collate import collate_moments, collate_readable, collate_untrimmed
from aher_lightning.structures import MomentSample, SnippetSequence, SnippetSequences, UntrimmedSample


def snippets(count: int) -> SnippetSequence:
    return SnippetSequence(torch.full((count, 3), float(count)), first_centre=0.5 / count, step=1 / count)


def video(index: int, instances: int) -> UntrimmedSample:
    segments = torch.arange(2 * instances, dtype=torch.float64).reshape(-1, 2)
    labels = torch.arange(instances)
    return UntrimmedSample(f"v{index}", index, snippets(index + 1), 10.0 + index, segments, labels)


def test_snippets_are_packed_in_order() -> None:
    packed = SnippetSequences.pack([snippets(2), snippets(3)])
    assert packed.values.shape == (5, 3)
    assert packed.lengths.tolist() == [2, 3]
    assert [part[0, 0].item() for part in packed.values.split_with_sizes([2, 3])] == [2.0, 3.0]
    assert packed.first_centres.tolist() == torch.tensor([0.25, 0.5 / 3]).tolist()


def test_ground_truth_is_padded() -> None:
    batch = collate_untrimmed([(4, video(0, 0)), (4, video(1, 2)), (4, video(2, 1))])
    assert batch.iteration == 4
    assert batch.video_ids == ["v0", "v1", "v2"]
    assert batch.labels.tolist() == [[-1, -1], [0, 1], [0, -1]]
    assert batch.segments_sec[1].tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert batch.segments_sec.dtype == batch.durations_sec.dtype == torch.float64
    assert batch.segments_sec[2, 1].tolist() == [0.0, 0.0]


def test_videos_without_any_instance_make_a_batch() -> None:
    batch = collate_untrimmed([(-1, video(0, 0))])
    assert batch.labels.shape == (1, 0)
    assert batch.segments_sec.shape == (1, 0, 2)


def test_videos_that_could_not_be_read_are_left_out_of_the_batch() -> None:
    batch = collate_readable([None, (-1, video(1, 2)), None])
    assert batch is not None
    assert (batch.video_ids, batch.positions.tolist(), batch.labels.tolist()) == (["v1"], [1], [[0, 1]])
    assert collate_readable([None, None]) is None


def test_moments_keep_their_labels() -> None:
    samples = [(2, MomentSample("a", snippets(1), 5)), (2, MomentSample("b", snippets(4), 0))]
    batch = collate_moments(samples)
    assert batch.labels.tolist() == [5, 0]
    assert batch.iteration == 2
    assert batch.snippets.lengths.tolist() == [1, 4]
