"""The backbone of data whose features others made."""

from __future__ import annotations

from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.models.base import Backbone


class PrecomputedFeatures(Backbone):
    """Stands for a network that is not here: features come from files, and there are no pixels.

    It has no weights. Checkpoints keep the contract of the features, and localize files of features.

    Args:
        channels: Size C of a feature vector.

    Raises:
        ConfigError: If it is not positive.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels < 1:
            raise ConfigError(f"'channels' is {channels}, but features have at least 1; correct it")
        self.out_channels = channels

    def forward(self, clips: Tensor) -> Tensor:  # noqa: ARG002 - there is no network
        """Refuse pixels; ConfigError."""
        raise ConfigError(
            "PrecomputedFeatures has no network for pixels: give features ('data.features', or .npy files to "
            "'aher localize'), or the backbone that computes them"
        )
