"""Base of the backbones whose network comes from another package and whose weights come by name or from a file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.models.backbones.own_weights import load_fitting, read_weights
from aher_lightning.models.base import Backbone
from aher_lightning.models.fingerprint import fingerprint

PRETRAINED = "pretrained"
"""Name of the weights that belong to a network."""


class PretrainedBackbone(Backbone):
    """A network of another package, run over a few clips at a time.

    Frozen, it is always in evaluation mode and needs no gradients. A subclass builds ``self.network`` and then calls
    :meth:`freeze`.

    Args:
        weights: Name of the weights, a file of them, or ``None`` for random ones.
        weights_sha256: If given, the fingerprint that the network must have with them, such as the ``weights_sha256``
            of a feature store.
        frozen: Whether the weights never change.
        clips_per_chunk: Clips that run through the network at once, unless batch norm must see all.

    Attributes:
        network: The network, without its classifier.
        own_sha256: Fingerprint with the weights that it brings; empty until they are loaded.

    Raises:
        ConfigError: If ``clips_per_chunk`` is not positive.
    """

    network: nn.Module
    neutral_options = frozenset({"weights", "weights_sha256", "frozen", "clips_per_chunk"})

    def __init__(
        self,
        *,
        weights: str | None = PRETRAINED,
        weights_sha256: str | None = None,
        frozen: bool = True,
        clips_per_chunk: int = 4,
    ) -> None:
        super().__init__()
        if clips_per_chunk < 1:
            raise ConfigError(f"'clips_per_chunk' is {clips_per_chunk}, but must be at least 1; correct it")
        self.weights = weights
        self.weights_sha256 = weights_sha256
        self.frozen = frozen
        self.clips_per_chunk = clips_per_chunk
        self.own_sha256 = ""

    @abstractmethod
    def encode(self, clips: Tensor) -> Tensor:
        """Return the features ``(N, C)`` of a few normalized clips ``(N, 3, F, H, W)``, N at least 1."""

    @abstractmethod
    def fetch_weights(self, name: str) -> Mapping[str, Tensor]:
        """Return the weights of this name, from where they are published; CheckpointError if that is impossible."""

    def has_weights(self, name: str) -> bool:
        """Return whether weights have this name; anything else is the path of a file."""
        return name == PRETRAINED

    @property
    def brings_weights(self) -> bool:
        """Whether the options name weights."""
        return self.weights is not None

    @property
    def fetchable_sha256(self) -> str:
        """Fingerprint of the weights, if the network is frozen and they have a name."""
        is_named = self.weights is not None and self.has_weights(self.weights)
        return self.own_sha256 if self.frozen and is_named else ""

    @property
    def weights_name(self) -> str:
        """Name of the network and its weights."""
        name = getattr(self, "name", "")
        return f"{name} {self.weights}".strip()

    def load_own_weights(self) -> None:
        """Load the weights that the options name; see :meth:`Backbone.load_own_weights`."""
        if self.weights is None:
            return
        name = self.weights
        found = self.fetch_weights(name) if self.has_weights(name) else read_weights(Path(name))
        load_fitting(self.network, found, f"{type(self).__name__}: '{self.weights}'")
        self.own_sha256 = fingerprint(self)
        if self.weights_sha256 not in (None, self.own_sha256):
            raise CheckpointError(
                f"{type(self).__name__}: its weights '{self.weights}' have the SHA-256 {self.own_sha256}, not "
                f"{self.weights_sha256}; give the right ones, or leave 'weights_sha256' out"
            )

    def stored_options(self) -> dict[str, object]:
        """Return the options that a checkpoint holds: no places on this machine."""
        is_place = self.weights is not None and not self.has_weights(self.weights)
        return {"weights": None} if is_place else {}

    def freeze(self) -> None:
        """Freeze the network if asked to, at the end of a subclass's constructor."""
        if self.frozen:
            self.requires_grad_(requires_grad=False)
        self.train(self.training)

    def train(self, mode: bool = True) -> PretrainedBackbone:
        """Set the mode; a frozen network stays in evaluation mode."""
        super().train(mode and not self.frozen)
        return self

    def forward(self, clips: Tensor) -> Tensor:
        """Return one feature vector per clip, shape ``(N, C)``; see :meth:`Backbone.forward`."""
        if len(clips) == 0:
            return clips.new_zeros(0, self.out_channels)
        size = len(clips) if self.training else self.clips_per_chunk
        return torch.cat([self.encode(part) for part in torch.split(clips, size)])
