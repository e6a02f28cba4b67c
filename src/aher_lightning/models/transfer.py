"""Weight transfer: from classifying a whole segment to classifying every cell of a video."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.models.base import WeightTransfer

Activation = Literal["none", "relu", "leaky_relu", "elu"]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda values: values,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
}


class MLPTransfer(WeightTransfer):
    """Fully connected layers over each category's weight row, and small ones of their own over its bias.

    Each layer, the last included, ends with the activation. All start as the identity, so that training
    starts from the segment-level classifier itself.

    Implements Eq. 1 and the variants of Table 1 of "Learning to Localize Actions from Moments" (Long et
    al., ECCV 2020), arXiv:2008.13705; the identity start and the path of the bias follow the authors' code.

    Args:
        channels: Channels ``d_j`` of the level.
        layers: Number of fully connected layers.
        activation: Function after each of them.

    Raises:
        ValueError: If there is no layer or the activation is unknown.

    Example:
        >>> import torch
        >>> weight, bias = MLPTransfer(2)(torch.tensor([[0.5, 1.0]]), torch.tensor([0.25]))
        >>> weight.tolist(), bias.tolist()
        ([[0.5, 1.0]], [0.25])
    """

    def __init__(self, channels: int, *, layers: int = 2, activation: Activation = "elu") -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers must be at least 1, got {layers}; use IdentityTransfer for none")
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(_ACTIVATIONS)}, got '{activation}'")
        self.activation = activation
        self.weight_layers = nn.ModuleList(_identity_layer(channels) for _ in range(layers))
        self.bias_layers = nn.ModuleList(_identity_layer(1) for _ in range(layers))

    def forward(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return the anchor-level classifier; see :meth:`WeightTransfer.forward`."""
        activate = _ACTIVATIONS[self.activation]
        for layer in self.weight_layers:
            weight = activate(layer(weight))
        biases = bias.unsqueeze(-1)  # (K, 1): every bias is mapped on its own
        for layer in self.bias_layers:
            biases = activate(layer(biases))
        return weight, biases.squeeze(-1)


class IdentityTransfer(WeightTransfer):
    """Use the segment-level classifier unchanged: AherNet without weight transfer.

    Args:
        channels: Channels of the level; unused.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return the arguments; see :meth:`WeightTransfer.forward`."""
        return weight, bias


def _identity_layer(width: int) -> nn.Linear:
    """A linear layer initialized to the identity."""
    layer = nn.Linear(width, width)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
