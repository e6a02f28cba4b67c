from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.models.feature_bank import MOST_MOMENT_SNIPPETS, MOST_VIDEO_SNIPPETS, FeatureBank
from aher_lightning.structures import SnippetSequences


def numbered(first: int, count: int, channels: int = 2) -> SnippetSequences:
    """Sequence i has i % 3 + 1 snippets with the value i."""
    numbers = torch.arange(first, first + count)
    lengths = numbers % 3 + 1
    values = numbers.repeat_interleave(lengths).float().unsqueeze(1).expand(-1, channels)
    return SnippetSequences(values, lengths, 0.5 / lengths, 1 / lengths)


def add(bank: FeatureBank, first: int, count: int) -> None:
    """Store moments and videos; video i has i % 2 instances."""
    numbers = torch.arange(first, first + count)
    bank.add_moments(numbered(first, count), numbers)
    is_real = (numbers % 2).bool().unsqueeze(1)
    labels = torch.where(is_real, numbers.unsqueeze(1), -1)
    segments = torch.where(is_real.unsqueeze(-1), torch.tensor([0.25, 0.5]), 0.0)
    bank.add_videos(numbered(first, count), segments, labels)


def filled(moments: int, videos: int, *batches: int) -> FeatureBank:
    """Return a bank that has seen samples 0, 1, 2 ... in batches."""
    bank, first = FeatureBank(moments, videos), 0
    for batch in batches:
        add(bank, first, batch)
        first += batch
    return bank


@pytest.mark.parametrize("batches", [(1,), (2, 2), (3, 3, 3), (5,), (9,), (4, 4, 4), (1,) * 13])
def test_the_last_samples_in_order(batches: tuple[int, ...]) -> None:
    bank = filled(4, 3, *batches)
    seen = list(range(sum(batches)))
    moments, videos = bank.content()
    assert bank.num_moments == len(seen[-4:])
    assert bank.num_videos == len(seen[-3:])
    assert moments.labels.tolist() == seen[-4:]
    assert moments.snippets.lengths.tolist() == [number % 3 + 1 for number in seen[-4:]]
    assert moments.snippets.values.dtype == torch.float16
    assert moments.snippets.values[:, 0].tolist() == [one for one in seen[-4:] for _ in range(one % 3 + 1)]
    assert videos.labels.flatten().tolist() == ([one if one % 2 else -1 for one in seen[-3:]] if seen[1:] else [])


@pytest.mark.parametrize("before", [(2,), (3, 3), (4,)])
def test_going_on_equals_never_having_stopped(before: tuple[int, ...]) -> None:
    whole, stopped = filled(4, 3, *before), filled(4, 3, *before)
    resumed = FeatureBank(4, 3)
    resumed.load(stopped.state())
    for bank in (whole, resumed):
        add(bank, 20, 3)
    assert str(whole.state()) == str(resumed.state())


def test_another_size_keeps_the_newest() -> None:
    smaller = FeatureBank(2, 1)
    smaller.load(filled(4, 3, 6).state())
    assert smaller.content().moments.labels.tolist() == [4, 5]
    assert smaller.content().videos.labels.tolist() == [[5]]
    larger = FeatureBank(9, 9)
    larger.load(filled(4, 3, 6).state())
    assert larger.content().moments.labels.tolist() == [2, 3, 4, 5]


def test_features_keep_no_graph_and_stay_finite() -> None:
    bank = FeatureBank(2, 0)
    large = numbered(0, 1)._replace(values=torch.full((1, 2), 1e6, requires_grad=True))
    bank.add_moments(large, torch.tensor([0]))
    values = bank.content().moments.snippets.values
    assert not values.requires_grad
    assert values.tolist() == [[65504.0, 65504.0]]


def test_long_samples_are_cut_to_their_middle() -> None:
    bank, length = FeatureBank(1, 1), 4 * MOST_VIDEO_SNIPPETS
    count = torch.tensor([length])
    whole = SnippetSequences(torch.arange(length).unsqueeze(1).float(), count, 0.5 / count, 1 / count)
    bank.add_moments(whole, torch.tensor([0]))
    bank.add_videos(whole, torch.tensor([[[0.0, 0.5], [0.9, 1.0]]]), torch.tensor([[1, 2]]))
    moments, videos = bank.content()
    first = (length - MOST_MOMENT_SNIPPETS) // 2
    assert moments.snippets.values.flatten().tolist() == list(range(first, first + MOST_MOMENT_SNIPPETS))
    assert videos.snippets.lengths.tolist() == [MOST_VIDEO_SNIPPETS]
    assert videos.labels.tolist() == [[1]]
    assert videos.segments.tolist() == [[[0.0, 0.5]]]


def test_the_largest_bank_of_the_paper_has_the_size_that_is_told() -> None:
    bank = FeatureBank()
    assert bank._moments.size * MOST_MOMENT_SNIPPETS + bank._videos.size * MOST_VIDEO_SNIPPETS == 384 * 2**20 // 4096


def test_no_bank() -> None:
    bank = filled(0, 0, 3)
    assert bank.num_moments == bank.num_videos == 0
    assert not len(bank.content().moments.labels)
    bank.load(filled(4, 3, 3).state())
    assert bank.num_moments == 0
    bank.load(FeatureBank(3, 3).state())
    assert bank.num_videos == 0
    alone = filled(0, 2, 3)
    assert (alone.num_moments, alone.num_videos) == (0, 2)
    assert alone.content().moments.snippets.values.shape == (0, 2)
    with pytest.raises(ConfigError, match="'feature_bank_size' is -1; give 0 to keep none"):
        FeatureBank(-1)
    with pytest.raises(ConfigError, match="'feature_bank_videos' is -1; give 0 to keep none"):
        FeatureBank(1, -1)


def test_damage_is_refused() -> None:
    with pytest.raises(CheckpointError, match="feature bank is damaged"):
        FeatureBank(2).load({})
