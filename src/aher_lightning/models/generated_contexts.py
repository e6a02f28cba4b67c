"""Generated contexts around moments: the generators, and the splice of the parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional

from aher_lightning.errors import ConfigError
from aher_lightning.models.base import Context, ContextGenerator
from aher_lightning.models.convolution import SameConv1d
from aher_lightning.ops.batch_slice import batch_slice
from aher_lightning.ops.resample import resize_features
from aher_lightning.structures import LabelledClips, LabelledVideos

SpliceMode = Literal["plain", "released", "released_fixed"]
"""Order of moment and contexts: the paper's Eq. 2, or the authors' code with or without its bug."""

_GRID = 20
"""Ratios and positions are multiples of 1 / 20, as in the authors' code."""
MOMENT_RATIOS = (0.7, 0.9)
"""Smallest and largest part of a synthetic video that its moment takes in the authors' code."""

_POSITION_IDS = (1, 19)
"""First and last + 1 of the ids that are drawn."""


class SpliceLayout(NamedTuple):
    """The parts of one synthetic moment, in time steps.

    The moment is inserted into the concatenated contexts ``[start context, end context]``.

    Attributes:
        start_length: Steps of the start context.
        moment_length: Steps of the moment.
        end_length: Steps of the end context.
        moment_start: First step of the moment.
        labelled_end: Where the ground truth says that the moment ends; wrong in mode "released" only.
    """

    start_length: int
    moment_length: int
    end_length: int
    moment_start: int
    labelled_end: int


class ConvContextGenerator(ContextGenerator):
    """Two convolutions, the second of stride 2, with a ReLU each: a context of half the moment's length.

    Implements G1 and G2 of section 3.3 of "Learning to Localize Actions from Moments" (Long et al., ECCV
    2020), arXiv:2008.13705, with the layers of the authors' code.

    Args:
        channels: Channels C of the feature sequences.
        hidden_channels: Channels between the convolutions; half of C if not given.
    """

    def __init__(self, channels: int, *, hidden_channels: int | None = None) -> None:
        super().__init__()
        hidden = hidden_channels or max(1, channels // 2)
        self.first = SameConv1d(channels, hidden)
        self.second = SameConv1d(hidden, channels, stride=2)

    def forward(self, moments: Tensor) -> Tensor:
        """Return the context; see :meth:`ContextGenerator.forward`."""
        return functional.relu(cast("Tensor", self.second(functional.relu(self.first(moments)))))


class GeneratedContexts(Context):
    """Generate what happens before and after a moment, and splice the three.

    The paper does not say how long contexts are. Moments of the default ratios fill most of a synthetic
    video; smaller ratios resemble untrimmed videos whose actions are short.

    Implements sections 3.3 (Eq. 2) of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705.

    Args:
        channels: Channels C of the feature sequences.
        length: Time steps T of a synthetic video.
        generator: Makes a context generator from C.
        mode: Order of the parts, see :func:`splice_layout`.
        moment_ratios: Smallest and largest part of the time steps that a moment takes.

    Raises:
        ConfigError: If the ratios do not lie in ``[0.05, 0.95]`` in ascending order.
    """

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        generator: Callable[[int], ContextGenerator] = ConvContextGenerator,
        mode: SpliceMode = "plain",
        moment_ratios: tuple[float, float] = MOMENT_RATIOS,
    ) -> None:
        super().__init__()
        if not 1 / _GRID <= moment_ratios[0] <= moment_ratios[1] <= 1 - 1 / _GRID:
            raise ConfigError(f"'context.moment_ratios' must ascend within 0.05..0.95, got {moment_ratios}")
        self.length = length
        self.mode: SpliceMode = mode
        self.moment_ratios = moment_ratios
        self.start_generator = generator(channels)
        self.end_generator = generator(channels)

    def forward(
        self,
        moments: LabelledClips,
        untrimmed: LabelledVideos | None,  # noqa: ARG002 - generated, not taken from them
        generator: torch.Generator,
    ) -> LabelledVideos:
        """Return one synthetic video of one instance for each moment; see :meth:`Context.forward`."""
        start_contexts, end_contexts = self.start_generator(moments.features), self.end_generator(moments.features)
        total, own = batch_slice(len(moments.features))
        layouts = draw_splice_layouts(total, self.length, generator, mode=self.mode, moment_ratios=self.moment_ratios)
        features, segments = splice(moments.features, start_contexts, end_contexts, layouts[own])
        parts = segments.new_tensor([layout.moment_length / self.length for layout in layouts[own]])
        return LabelledVideos(features, segments, moments.labels.unsqueeze(1), moments.durations / parts)


def splice_layout(
    length: int, ratio_id: int, position_id: int, *, mode: SpliceMode = "plain", row: int = 0
) -> SpliceLayout:
    """Return where the parts of a synthetic moment go.

    The moment takes ``ratio_id / 20`` of the steps. In mode "plain" the contexts keep their order around
    it, ``[start context, moment, end context]``, and ``position_id / 20`` of the rest comes before it. In the
    other modes both contexts have half of the rest, and the moment sits inside the start context in
    even rows of a batch, inside the end context in odd ones, as in the authors' code. There the ground truth
    of odd rows ends too early by the length of the start context: "released" keeps that.

    Implements A of Eq. 2 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705. The paper does not say how long the contexts are (see docs/faithfulness.md).

    Args:
        length: Steps T of the synthetic moment.
        ratio_id: Moment's part of the steps, in twentieths.
        position_id: Position of the moment, in twentieths.
        mode: Order of the parts.
        row: Row in the batch; only its parity matters.

    Returns:
        The layout.

    Raises:
        ValueError: If the ids leave no room for the moment or its contexts.

    Example:
        >>> splice_layout(512, 14, 10)
        SpliceLayout(start_length=77, moment_length=358, end_length=77, moment_start=77, labelled_end=435)
    """
    if not (0 < ratio_id < _GRID and 0 < position_id < _GRID):
        raise ValueError(f"ratio_id and position_id must lie in 1..{_GRID - 1}, got {ratio_id} and {position_id}")
    moment = length * ratio_id // _GRID
    rest = length - moment
    if moment < 1 or rest < 2:
        raise ValueError(f"{length} steps are too few for a moment of {ratio_id}/{_GRID} of them and two contexts")
    if mode == "plain":
        start = min(max(1, rest * position_id // _GRID), rest - 1)
        return SpliceLayout(start, moment, rest - start, start, start + moment)
    start, end = rest // 2, rest - rest // 2
    is_odd = row % 2 == 1
    split = (_GRID - ratio_id) * (end if is_odd else start) * position_id // _GRID**2
    moment_start = start + split if is_odd else split
    labelled_end = split + moment if mode == "released" else moment_start + moment
    return SpliceLayout(start, moment, end, moment_start, labelled_end)


def draw_splice_layouts(
    batch_size: int,
    length: int,
    generator: torch.Generator,
    *,
    mode: SpliceMode = "plain",
    moment_ratios: tuple[float, float] = MOMENT_RATIOS,
) -> list[SpliceLayout]:
    """Draw a layout for every moment of a batch, its position at 5 to 90 % of what the moment leaves.

    Args:
        batch_size: Number of moments.
        length: Steps T of the synthetic moments.
        generator: Source of the random numbers, on the CPU.
        mode: Order of the parts.
        moment_ratios: Smallest and largest part of the steps that a moment takes; rounded to twentieths.

    Returns:
        One layout per moment.

    Example:
        >>> len(draw_splice_layouts(3, 512, torch.Generator().manual_seed(0)))
        3
    """
    smallest, largest = (round(ratio * _GRID) for ratio in moment_ratios)
    ratios = torch.randint(smallest, largest + 1, (batch_size,), generator=generator).tolist()
    positions = torch.randint(*_POSITION_IDS, (batch_size,), generator=generator).tolist()
    pairs = zip(ratios, positions, strict=True)
    return [splice_layout(length, *ids, mode=mode, row=row) for row, ids in enumerate(pairs)]


def splice(
    moments: Tensor, start_contexts: Tensor, end_contexts: Tensor, layouts: Sequence[SpliceLayout]
) -> tuple[Tensor, Tensor]:
    """Resize moments and contexts to their layouts and put them in order.

    Args:
        moments: Shape ``(B, C, T_m)``.
        start_contexts: Shape ``(B, C, T_s)``.
        end_contexts: Shape ``(B, C, T_e)``.
        layouts: One per moment, all of the same total length T.

    Returns:
        Features ``(B, C, T)`` and the segments of the moments in them, ``(B, 1, 2)``.
    """
    rows = [
        _splice_one(moments[row], start_contexts[row], end_contexts[row], layout) for row, layout in enumerate(layouts)
    ]
    features = torch.stack(rows)
    bounds = [(layout.moment_start, layout.labelled_end) for layout in layouts]
    segments = torch.tensor(bounds, dtype=features.dtype, device=features.device) / features.shape[-1]
    return features, segments.unsqueeze(1)


def _splice_one(moment: Tensor, start_context: Tensor, end_context: Tensor, layout: SpliceLayout) -> Tensor:
    """Return one spliced sequence, ``(C, T)``."""
    parts = (start_context, layout.start_length), (end_context, layout.end_length), (moment, layout.moment_length)
    start, end, resized = [resize_features(part.unsqueeze(0), length)[0] for part, length in parts]
    context = torch.cat((start, end), dim=-1)
    return torch.cat((context[:, : layout.moment_start], resized, context[:, layout.moment_start :]), dim=-1)
