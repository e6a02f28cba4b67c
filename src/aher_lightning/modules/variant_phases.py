"""Phases of the paper's other systems: moments as if they were untrimmed, and generators without an adversary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from aher_lightning.errors import ConfigError
from aher_lightning.losses.classification import CellClassificationLoss
from aher_lightning.losses.reduction import mean_over_processes
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.generated_contexts import GeneratedContexts
from aher_lightning.models.mixed_contexts import MixedContexts
from aher_lightning.modules.iteration_data import IterationData
from aher_lightning.modules.phase import Phase
from aher_lightning.modules.phases import TransferPhase, localization_losses
from aher_lightning.ops.batch_slice import batch_slice
from aher_lightning.ops.resample import resize_features
from aher_lightning.ops.surroundings import background_around, crop_features
from aher_lightning.structures import LabelledVideos


class MomentTransferPhase(TransferPhase):
    """Localize moments as if they were untrimmed videos whose action lasts from start to end.

    Implements AherNet_M of section 4.4 of "Learning to Localize Actions from Moments" (Long et al., ECCV
    2020), arXiv:2008.13705, "by considering the starting/ending points of each moment as the time stamps of
    the action".

    Args:
        groups: See :class:`Phase`.
        **options: See :class:`Phase`.
    """

    loss_names = ("whole_moment_cls", "whole_moment_prop")

    def losses(self, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> dict[str, Tensor]:
        """Localize moments, stretched to the length of untrimmed videos."""
        features = resize_features(data.moments.features, network.length)
        whole = features.new_tensor([0.0, 1.0]).expand(len(features), 1, 2)
        videos = LabelledVideos(features, whole, data.moments.labels.unsqueeze(1), data.moments.durations)
        terms = localization_losses(network, loss, network.levels(features), videos, "moment")
        return {"whole_moment_cls": terms.classification, "whole_moment_prop": terms.proposal}


class ContextPhase(Phase):
    """Generators learn to turn a foreground segment into the background around it, by its squared error.

    One instance of each untrimmed video is cut out as if it were a moment. What the generators make of it is
    compared with the real background directly before and after it, up to the next instance or the end of the
    video; a side without background does not count.

    Implements the pre-training of AherNet_A- of section 4.4 of "Learning to Localize Actions from Moments"
    (Long et al., ECCV 2020), arXiv:2008.13705, "minimizing L2 loss between the converted background from
    foreground and the real background". The paper does not say how far background reaches.

    Args:
        groups: See :class:`Phase`.
        enabled: See :class:`Phase`. Not by default: only AherNet_A- is pre-trained like this.
        **options: See :class:`Phase`.
    """

    name = "contexts"
    loss_names = ("context_l2",)

    def __init__(
        self,
        *,
        groups: Sequence[str] = ("generators",),
        enabled: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(groups=groups, enabled=enabled, **options)

    def check(self, network: AherNet) -> None:
        """Refuse a network without generators.

        Args:
            network: The network.

        Raises:
            ConfigError: If its context is of another kind.
        """
        _context(network)

    def losses(self, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> dict[str, Tensor]:
        """Compare generated contexts with real background."""
        features, segments, labels, _ = data.untrimmed
        # A last instance of padding serves batches without any.
        segments, labels = functional.pad(segments, (0, 0, 0, 1)), functional.pad(labels, (0, 1), value=-1)
        is_real = labels >= 0
        chosen = draw_instances(is_real, data.generator)
        spans = segments[torch.arange(len(segments), device=segments.device), chosen]
        foreground = crop_features(features, spans, network.moment_length)
        around = background_around(segments, is_real, chosen)
        errors, masks = [], []
        context = _context(network)
        for generate, background in zip((context.start_generator, context.end_generator), around, strict=True):
            generated = generate(foreground)
            real = crop_features(features, background, generated.shape[-1])
            errors.append((generated - real).square().mean(dim=(1, 2)))
            is_long_enough = (background[:, 1] - background[:, 0]) * network.length >= 1
            masks.append(is_long_enough & is_real.any(dim=1))
        return {"context_l2": mean_over_processes(torch.stack(errors), torch.stack(masks))}


def _context(network: AherNet) -> GeneratedContexts:
    """The generated contexts of a network; ConfigError if it has none."""
    context = network.context.generated if isinstance(network.context, MixedContexts) else network.context
    if not isinstance(context, GeneratedContexts):
        raise ConfigError(
            f"phase 'contexts' trains the generators of GeneratedContexts, but 'network.context' is "
            f"{type(context).__name__}; give that one, or disable the phase by 'enabled: false'"
        )
    return context


def draw_instances(is_real: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one instance of each video.

    Args:
        is_real: False at padding, bool ``(B, G)``, G at least 1; padding comes last.
        generator: Source of the random numbers, on the CPU.

    Returns:
        Indices, int64 ``(B,)``; 0 for a video without instances.

    Example:
        >>> draw_instances(torch.tensor([[True, False], [False, False]]), torch.Generator()).tolist()
        [0, 0]
    """
    counts = is_real.sum(dim=1)
    total, own = batch_slice(len(is_real))
    drawn = torch.rand(total, generator=generator)[own].to(counts.device)
    return (drawn * counts).long()
