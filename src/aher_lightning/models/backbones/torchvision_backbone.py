"""The video networks of torchvision, with weights for Kinetics-400."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, cast
from urllib.error import URLError

import torch
from torch import Tensor, nn

from aher_lightning.errors import CheckpointError, ConfigError, import_extra
from aher_lightning.models.backbones.own_weights import may_download
from aher_lightning.models.backbones.pretrained_backbone import PretrainedBackbone
from aher_lightning.structures import InputSpec


class VideoNetwork(NamedTuple):
    """What torchvision's documentation says of a network, and its weights do not.

    Attributes:
        head: Name of its classifier.
        frames: Frames of a clip in its evaluation; ``None`` where the number is free and that one is impractical.
        fps: Frame rate in its evaluation.
    """

    head: str
    frames: int | None
    fps: float


VIDEO_NETWORKS: Mapping[str, VideoNetwork] = {
    "r3d_18": VideoNetwork("fc", 16, 15.0),
    "mc3_18": VideoNetwork("fc", 16, 15.0),
    "r2plus1d_18": VideoNetwork("fc", 16, 15.0),
    "s3d": VideoNetwork("classifier", None, 15.0),
    "mvit_v1_b": VideoNetwork("head", 16, 7.5),
    "mvit_v2_s": VideoNetwork("head", 16, 7.5),
    "swin3d_t": VideoNetwork("head", 32, 15.0),
    "swin3d_s": VideoNetwork("head", 32, 15.0),
    "swin3d_b": VideoNetwork("head", 32, 15.0),
}
"""All video networks of torchvision with weights. S3D was evaluated on 128 frames, and takes any number from 14 on."""


class _Pictures(Protocol):
    """The part of torchvision's preprocessing that is read here."""

    crop_size: Sequence[int]
    resize_size: Sequence[int]
    mean: Sequence[float]
    std: Sequence[float]


class _Published(Protocol):
    """The part of torchvision's weights that is used here."""

    url: str

    def transforms(self) -> _Pictures:
        """Return the preprocessing."""
        ...

    def get_state_dict(self, *, progress: bool, check_hash: bool) -> Mapping[str, Tensor]:
        """Return the weights."""
        ...


class TorchvisionBackbone(PretrainedBackbone):
    """A video network of torchvision, up to its classifier.

    Args:
        name: A name of :data:`VIDEO_NETWORKS`.
        weights: Name of its weights in torchvision, such as ``KINETICS400_V1``, or ``DEFAULT``; a file of them; or
            ``None`` for random ones.
        weights_sha256: See :class:`PretrainedBackbone`, as for the rest.
        frozen: Whether the weights never change.
        clips_per_chunk: Clips that run through the network at once.

    Raises:
        ConfigError: If torchvision is missing or does not fit torch, or there is no such network.
    """

    def __init__(
        self,
        name: str,
        *,
        weights: str | None = "DEFAULT",
        weights_sha256: str | None = None,
        frozen: bool = True,
        clips_per_chunk: int = 4,
    ) -> None:
        super().__init__(weights=weights, weights_sha256=weights_sha256, frozen=frozen, clips_per_chunk=clips_per_chunk)
        if name not in VIDEO_NETWORKS:
            raise ConfigError(f"TorchvisionBackbone: no network '{name:.40}'; choose from {', '.join(VIDEO_NETWORKS)}")
        self.name = name
        self._models = import_extra("torchvision", "torchvision", type(self).__name__).models
        self.network = self._models.get_model(name, weights=None)
        head = VIDEO_NETWORKS[name].head
        self.out_channels = _input_channels(getattr(self.network, head))
        setattr(self.network, head, nn.Identity())
        self.freeze()

    @property
    def input_spec(self) -> InputSpec:
        """Clips and pictures of the network's evaluation in torchvision."""
        known = VIDEO_NETWORKS[self.name]
        pictures = self._published("DEFAULT").transforms()  # the same for all weights of a network
        return InputSpec(
            frames=known.frames,
            size=int(pictures.crop_size[-1]),
            mean=cast("tuple[float, float, float]", tuple(map(float, pictures.mean))),
            std=cast("tuple[float, float, float]", tuple(map(float, pictures.std))),
            fps=known.fps,
            resize=int(min(pictures.resize_size)),
        )

    def has_weights(self, name: str) -> bool:
        """Return whether torchvision has weights of this name for the network."""
        return name in self._models.get_model_weights(self.name).__members__

    def fetch_weights(self, name: str) -> Mapping[str, Tensor]:
        """Return the weights of torchvision's server or cache; see :meth:`PretrainedBackbone.fetch_weights`."""
        published = self._published(name)
        file = published.url.rpartition("/")[2]
        kept = Path(torch.hub.get_dir()) / "checkpoints" / file
        if not may_download() and not kept.is_file():
            raise CheckpointError(f"TorchvisionBackbone: there is no {kept}; fetch {published.url} and put it there")
        try:
            return published.get_state_dict(progress=False, check_hash=True)
        except (URLError, OSError, RuntimeError) as failure:
            reason = " ".join(str(failure).split())
            raise CheckpointError(
                f"TorchvisionBackbone: cannot fetch the weights {name} of {self.name} ({reason:.120}); without a "
                f"network, fetch {file} elsewhere and give its place as 'weights'"
            ) from failure

    def encode(self, clips: Tensor) -> Tensor:
        """Return the features of a few clips; see :meth:`PretrainedBackbone.encode`."""
        return cast("Tensor", self.network(clips))

    def _published(self, name: str) -> _Published:
        """The entry of weights in torchvision."""
        return cast("_Published", self._models.get_model_weights(self.name)[name])


def _input_channels(head: nn.Module) -> int:
    """Channels that a classifier takes: those of its first layer with weights."""
    layers = [module for module in head.modules() if isinstance(module, nn.Linear | nn.Conv3d)]
    return layers[0].in_features if isinstance(layers[0], nn.Linear) else layers[0].in_channels
