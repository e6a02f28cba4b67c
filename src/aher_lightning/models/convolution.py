"""The 1D convolution that the whole network is made of, with the padding of the authors' framework."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

KERNEL_SIZE = 3
"""Steps under every convolution of the network, as in the authors' code."""


class SameConv1d(nn.Conv1d):
    """Convolution of kernel 3 whose output has ``ceil(T / stride)`` steps.

    Zeros are added as TensorFlow's "SAME" padding adds them: with stride 2 one step on the right of an
    even length, one on each side of an odd length.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: 1 or 2.
        gain: Gain of the normal initialization; ``2 ** 0.5`` keeps the scale through a ReLU.

    Raises:
        ValueError: If the stride is neither 1 nor 2.

    Example:
        >>> import torch
        >>> SameConv1d(4, 2, stride=2)(torch.zeros(1, 4, 5)).shape
        torch.Size([1, 2, 3])
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, gain: float = 2**0.5) -> None:
        if stride not in (1, 2):
            raise ValueError(f"stride must be 1 or 2, got {stride}")
        super().__init__(in_channels, out_channels, KERNEL_SIZE, stride=stride)
        nn.init.normal_(self.weight, std=gain * (KERNEL_SIZE * in_channels) ** -0.5)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return the convolved sequence.

        Args:
            features: Shape ``(B, C, T)``.

        Returns:
            Shape ``(B, C', ceil(T / stride))``.
        """
        left = features.shape[-1] % 2 if self.stride[0] == 2 else 1
        return super().forward(functional.pad(features, (left, 1)))
