"""Random changes of clips that leave the motion, and so the category, as it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ClipAugmentation(nn.Module):
    """Change colours and place of whole clips at random, in training mode only.

    All frames of a clip change alike, so that only appearance varies: channels are permuted, colours
    inverted, contrast scaled, pictures shifted around their border. Clips are never mirrored and never
    played backwards, because direction tells categories apart.

    Args:
        max_shift: Largest shift to each side, in pixels.
        contrast: Range of the factor of contrast.

    Example:
        >>> ClipAugmentation().eval()(torch.ones(1, 3, 2, 4, 4)).sum()
        tensor(96.)
    """

    def __init__(self, *, max_shift: int = 6, contrast: tuple[float, float] = (0.5, 1.8)) -> None:
        super().__init__()
        self.max_shift = max_shift
        self.contrast = contrast

    def forward(self, clips: Tensor) -> Tensor:
        """Return changed clips.

        Args:
            clips: Normalized clips, shape ``(N, 3, F, H, W)``.

        Returns:
            Clips of the same shape.
        """
        if not self.training or len(clips) == 0:
            return clips
        count, shape = len(clips), (len(clips), 3, 1, 1, 1)
        order = torch.rand(count, 3).argsort(dim=1).view(shape).to(clips.device)
        signs = (torch.randint(0, 2, shape) * 2 - 1).to(clips)
        gains = torch.empty(count, 1, 1, 1, 1).uniform_(*self.contrast).to(clips)
        recoloured = clips.gather(1, order.expand_as(clips)) * (signs * gains)
        shifts = torch.randint(-self.max_shift, self.max_shift + 1, (count, 2)).tolist()
        moved = [torch.roll(clip, shift, dims=(-2, -1)) for clip, shift in zip(recoloured, shifts, strict=True)]
        return torch.stack(moved)
