"""Long videos are evaluated window by window, as they are localized."""

from __future__ import annotations

import pytest
import torch

from aher_lightning.modules.windowed_detection import cut_windows
from aher_lightning.ops.windows import Window
from aher_lightning.structures import SnippetSequence, SnippetSequences
from tests.helpers.detectors import DETECTORS

CHANNELS = 4


def whole(duration_sec: float, channels: int) -> SnippetSequence:
    """A snippet each second."""
    values = torch.rand(int(duration_sec), channels, generator=torch.Generator().manual_seed(1))
    return SnippetSequence(values, 0.5 / duration_sec, 1 / duration_sec)


def test_windows_hold_the_snippets_whose_centres_lie_in_them() -> None:
    video = SnippetSequence(torch.arange(10).unsqueeze(1), 0.05, 0.1)
    first, last = cut_windows(video, [Window(0.0, 6.0), Window(4.0, 10.0)], 10.0)
    assert first.values.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert last.values.flatten().tolist() == [4, 5, 6, 7, 8, 9]
    assert first.first_centre == pytest.approx(last.first_centre) == pytest.approx(1 / 12)
    assert first.step == pytest.approx(1 / 6)


@pytest.mark.parametrize("name", DETECTORS)
@torch.no_grad()
def test_a_batch_may_hold_long_and_short_videos(name: str) -> None:
    module = DETECTORS[name]().eval()
    channels = module.backbone.out_channels
    short, long = whole(10.0, channels), whole(100.0, channels)
    durations_sec = torch.tensor([10.0, 100.0], dtype=torch.float64)
    packed = SnippetSequences.pack([short, long])
    both = module.detect(packed, durations_sec, window_sec=20.0)
    (alone,) = module.detect(SnippetSequences.pack([short]), durations_sec[:1])
    for ours, theirs in zip(both[0], alone, strict=True):
        torch.testing.assert_close(ours, theirs)
    starts, ends = both[1].segments.unbind(dim=1)
    assert (ends > starts).all()
    assert (ends <= 100.0).all()
    assert (starts >= 0).all()
    assert (ends - starts).max() <= 20.0 + 1e-6
    unchanged = module.detect(packed, durations_sec, window_sec=100.0)
    for ours, theirs in zip(unchanged[1], module.detect(packed, durations_sec)[1], strict=True):
        assert torch.equal(ours, theirs)


def test_sequences_can_be_split_again() -> None:
    sequences = [whole(3.0, CHANNELS), whole(5.0, CHANNELS)]
    packed: SnippetSequences = SnippetSequences.pack(sequences)
    for ours, theirs in zip(packed.split(), sequences, strict=True):
        assert torch.equal(ours.values, theirs.values)
        assert ours.step == pytest.approx(theirs.step)
