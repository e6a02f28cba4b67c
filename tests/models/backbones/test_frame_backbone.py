from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aher_lightning.errors import ConfigError
from aher_lightning.models.backbones.frame_backbone import FrameBackbone
from aher_lightning.models.backbones.frame_pooling import pool_frames


class Colours(FrameBackbone):
    """The mean colours of frames."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.network = nn.Identity()
        self.out_channels = 3 * len(self.pools)
        self.freeze()

    def encode_frames(self, frames: Tensor) -> Tensor:
        return frames.mean(dim=(2, 3))

    def fetch_weights(self, name: str) -> Mapping[str, Tensor]:
        return {name: torch.zeros(1)}


def test_frames_keep_their_clip_and_their_order() -> None:
    clips = torch.randn(5, 3, 6, 4, 4)
    colours = clips.mean(dim=(3, 4)).transpose(1, 2)
    torch.testing.assert_close(Colours(clips_per_chunk=2)(clips), pool_frames(colours))
    torch.testing.assert_close(Colours(pools=["trend"])(clips), pool_frames(colours, ["trend"]))


def test_every_nth_frame_is_used_and_part_of_the_contract() -> None:
    clips = torch.randn(2, 3, 6, 4, 4)
    torch.testing.assert_close(Colours(every=2)(clips), Colours()(clips[:, :, ::2]))
    assert Colours(every=2).feature_options == '{"every": 2}'
    assert Colours(every=4, pools=["mean"]).feature_options == '{"every": 4, "pools": ["mean"]}'


@pytest.mark.parametrize("options", [{"every": 0}, {"pools": []}])
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="'every' must be at least 1, and 'pools' name at least one; correct them"):
        Colours(**options)
