from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.modules.iteration_data import IterationData
from aher_lightning.structures import LabelledClips, LabelledVideos


def test_parts_that_are_there_come_out_as_they_went_in() -> None:
    clips = LabelledClips(torch.rand(2, 3, 4), torch.tensor([0, 1]), torch.ones(2))
    videos = LabelledVideos(torch.rand(2, 3, 8), torch.rand(2, 1, 2), torch.tensor([[0], [1]]), torch.ones(2))
    data = IterationData(torch.Generator(), untrimmed=videos, foreground=clips, moments=clips)
    assert data.untrimmed is videos
    assert data.foreground is data.moments is clips


def test_without_graph_no_gradient_leaves_the_untrimmed_videos() -> None:
    features = torch.rand(2, 3, 8, requires_grad=True)
    videos = LabelledVideos(features, torch.rand(2, 1, 2), torch.tensor([[0], [1]]), torch.ones(2))
    clips = LabelledClips(torch.rand(2, 3, 4), torch.tensor([0, 1]), torch.ones(2))
    data = IterationData(torch.Generator(), untrimmed=videos, moments=clips)
    cut = data.without_graph()
    assert torch.equal(cut.untrimmed.features, features)
    assert not cut.untrimmed.features.requires_grad
    assert data.untrimmed.features is features
    assert cut.untrimmed.segments is videos.segments
    assert cut.moments is clips
    assert cut.generator is data.generator
    IterationData(torch.Generator()).without_graph()


@pytest.mark.parametrize("part", ["untrimmed", "foreground", "moments"])
def test_a_missing_part_is_named(part: str) -> None:
    with pytest.raises(ConfigError, match=rf"needs '{part}', which 'data\.parts' leaves out; add it there"):
        getattr(IterationData(torch.Generator()), part)
