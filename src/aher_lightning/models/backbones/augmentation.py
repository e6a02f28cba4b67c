"""Random augmentation of clips that preserves motion, and so the category."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ClipAugmentation(nn.Module):
    """Augment the colours and position of whole clips, in training mode only.

    All frames of a clip change alike, so that only appearance varies: channels are permuted, colours
    inverted, contrast scaled, pictures shifted with wrap-around. Clips are never mirrored or reversed,
    because direction distinguishes categories.

    Args:
        max_shift: Largest shift in each direction, in pixels.
        contrast: Range of the contrast factor.

    Example:
        >>> ClipAugmentation().eval()(torch.ones(1, 3, 2, 4, 4)).sum()
        tensor(96.)
    """

    def __init__(self, *, max_shift: int = 6, contrast: tuple[float, float] = (0.5, 1.8)) -> None:
        super().__init__()
        self.max_shift = max_shift
        self.contrast = contrast

    def forward(self, clips: Tensor) -> Tensor:
        """Augment normalized clips, shape ``(N, 3, F, H, W)``; the result has the channels-last memory format.

        Gradients do not reach the clips.
        """
        if not self.training or len(clips) == 0:
            return clips
        count, (frames, height, width) = len(clips), clips.shape[2:]
        order = torch.rand(count, 3).argsort(dim=1)
        signs = torch.randint(0, 2, (count, 3)) * 2 - 1
        gains = torch.empty(count, 1).uniform_(*self.contrast)
        shifts = torch.randint(-self.max_shift, self.max_shift + 1, (count, 2))
        rows = (torch.arange(height) - shifts[:, :1]) % height
        columns = (torch.arange(width) - shifts[:, 1:]) % width
        # Shift and permutation at once: the pixel and channel that each value of a frame comes from, channels last.
        pixels = rows[:, :, None] * width + columns[:, None, :]
        places = (pixels[..., None] * 3 + order[:, None, None, :]).flatten(1).to(clips.device)
        factors = (signs * gains).to(clips).repeat(1, height * width)
        values = clips.movedim(1, -1).reshape(count, frames, -1)
        moved = torch.empty_like(values)
        for clip, place, out in zip(values, places, moved, strict=True):
            torch.index_select(clip, 1, place, out=out)
        moved *= factors[:, None]
        return moved.view(count, frames, height, width, 3).movedim(-1, 1)
