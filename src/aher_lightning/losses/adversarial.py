"""The game between context generators and background discriminator (Eq. 8)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.losses.reduction import mean_over_processes


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, mask: Tensor) -> Tensor:
    """Return how badly real background is told from the background of synthetic moments.

    Implements L_adD, Eq. 8 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705. As in the authors' code, an anchor counts if it is background in the
    untrimmed video and in the synthetic moment of the same row.

    Args:
        real_logits: "This is real" for the anchors of untrimmed videos, shape ``(B, A)``.
        fake_logits: The same for synthetic moments, shape ``(B, A)``.
        mask: Which anchors are background in both, bool ``(B, A)``.

    Returns:
        Scalar, mean over the mask; 0 if it is empty.

    Example:
        >>> import torch
        >>> discriminator_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[True, False]]))  # 2 log 2
        tensor(1.3863)
    """
    return mean_over_processes(functional.softplus(-real_logits) + functional.softplus(fake_logits), mask)


def generator_loss(fake_logits: Tensor, mask: Tensor) -> Tensor:
    """Return how badly the background of synthetic moments passes for real.

    Implements L_adG, Eq. 8 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705.

    Args:
        fake_logits: "This is real" for the anchors of synthetic moments, shape ``(B, A)``.
        mask: Which anchors are background, bool ``(B, A)``.

    Returns:
        Scalar, mean over the mask; 0 if it is empty.

    Example:
        >>> import torch
        >>> generator_loss(torch.zeros(1, 2), torch.tensor([[True, True]]))  # log 2
        tensor(0.6931)
    """
    return mean_over_processes(functional.softplus(-fake_logits), mask)


class DiscriminatorAccuracy(NamedTuple):
    """How often the discriminators are right.

    Attributes:
        real: Share of the real background that is taken for real.
        fake: Share of the background of synthetic moments that is not.
    """

    real: Tensor
    fake: Tensor


def discriminator_accuracy(real_logits: Tensor, fake_logits: Tensor, mask: Tensor) -> DiscriminatorAccuracy:
    """Return how often real background and that of synthetic moments are told apart; see :func:`discriminator_loss`.

    Args:
        real_logits: "This is real" for the anchors of untrimmed videos, shape ``(B, A)``.
        fake_logits: The same for synthetic moments, shape ``(B, A)``.
        mask: Which anchors are background in both, bool ``(B, A)``.

    Returns:
        Two scalars without gradient; 0 where the mask is empty.

    Example:
        >>> import torch
        >>> real_logits, fake_logits = torch.tensor([[2.0, -1.0]]), torch.tensor([[-3.0, -1.0]])
        >>> found = discriminator_accuracy(real_logits, fake_logits, torch.tensor([[True, True]]))
        >>> float(found.real), float(found.fake)
        (0.5, 1.0)
    """
    real, fake = (real_logits.detach() > 0).to(real_logits.dtype), (fake_logits.detach() <= 0).to(fake_logits.dtype)
    return DiscriminatorAccuracy(mean_over_processes(real, mask), mean_over_processes(fake, mask))


class DiscriminatorLoss(nn.Module):
    """Weighted :func:`discriminator_loss`.

    Args:
        weight: Factor of the loss; 0.1 in the authors' code.
    """

    def __init__(self, weight: float = 0.1) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, real_logits: Tensor, fake_logits: Tensor, mask: Tensor) -> Tensor:
        """Return the loss; see :func:`discriminator_loss` for the arguments, all ``(B, A)``."""
        return self.weight * discriminator_loss(real_logits, fake_logits, mask)


class GeneratorLoss(nn.Module):
    """Weighted :func:`generator_loss`.

    Args:
        weight: Factor of the loss; 0.1 in the authors' code.
    """

    def __init__(self, weight: float = 0.1) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, fake_logits: Tensor, mask: Tensor) -> Tensor:
        """Return the loss; see :func:`generator_loss` for the arguments, all ``(B, A)``."""
        return self.weight * generator_loss(fake_logits, mask)
