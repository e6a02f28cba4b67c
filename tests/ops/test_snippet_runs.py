from __future__ import annotations

import pytest
import torch

from aher_lightning.ops.resample import resample_sequences
from aher_lightning.ops.snippet_runs import instances_in_spans, middle_runs
from aher_lightning.structures import SnippetSequences


def sequences(*lengths: int) -> SnippetSequences:
    """Sequences whose snippets tell their place in seconds, one second apart, from half a second on."""
    values = torch.cat([torch.arange(length) + 0.5 for length in lengths]).unsqueeze(1)
    counts = torch.tensor(lengths)
    return SnippetSequences(values, counts, 0.5 / counts, 1 / counts)


@pytest.mark.parametrize("lengths", [(1,), (3, 4), (4, 4, 2)])
def test_short_sequences_stay_as_they_are(lengths: tuple[int, ...]) -> None:
    whole = sequences(*lengths)
    runs = middle_runs(whole, 4)
    assert all(torch.equal(one, other) for one, other in zip(runs.snippets, whole, strict=True))
    assert runs.spans.tolist() == [[0.0, 1.0]] * len(lengths)


def test_long_sequences_keep_their_middle_at_their_own_speed() -> None:
    runs = middle_runs(sequences(3, 10, 5), 4)
    assert runs.snippets.lengths.tolist() == [3, 4, 4]
    assert runs.snippets.values.flatten().tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 0.5, 1.5, 2.5, 3.5]
    torch.testing.assert_close(runs.spans, torch.tensor([[0.0, 1.0], [0.3, 0.7], [0.0, 0.8]]))
    torch.testing.assert_close(runs.snippets.durations, torch.tensor([3.0, 4.0, 4.0]))
    # Inside a run, features lie where they lay in the whole: every output step is its own centre in seconds.
    features = resample_sequences(*runs.snippets, 8)
    torch.testing.assert_close(features[1, 0, 1:-1], torch.arange(3.25, 7.0, 0.5)[1:-1])


def test_instances_move_with_the_run_and_those_outside_go() -> None:
    segments = torch.tensor(
        [[[0.0, 0.2], [0.4, 0.5], [0.6, 0.9], [0.0, 0.0]], [[0.1, 0.2], [0.3, 0.9], [0, 0], [0, 0]]]
    )
    labels = torch.tensor([[5, 6, 7, -1], [8, 9, -1, -1]])
    spans = torch.tensor([[0.3, 0.7], [0.0, 1.0]])
    moved, kept = instances_in_spans(segments, labels, spans)
    assert kept.tolist() == [[6, 7, -1, -1], [8, 9, -1, -1]]
    torch.testing.assert_close(moved[0, :2], torch.tensor([[0.25, 0.5], [0.75, 1.0]]))
    assert torch.equal(moved[1], segments[1])
    assert not moved[0, 2:].any()


def test_videos_without_instances() -> None:
    moved, labels = instances_in_spans(torch.zeros(2, 0, 2), torch.zeros(2, 0).long(), torch.tensor([[0.2, 0.8]] * 2))
    assert moved.shape == (2, 0, 2)
    assert labels.shape == (2, 0)
