"""Real background around moments: moments are pasted into the background of untrimmed videos."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from aher_lightning.errors import ConfigError
from aher_lightning.models.base import Context
from aher_lightning.ops.batch_slice import batch_slice
from aher_lightning.ops.pasting import action_weights, background_steps, cycle_steps, place_instances, step_centres
from aher_lightning.ops.resample import read_features
from aher_lightning.structures import LabelledClips, LabelledVideos

_LARGEST_PART = 0.95
"""Part of a synthetic video that its instances may take together; longer ones are shortened."""


class _Draws(NamedTuple):
    """Random numbers in ``[0, 1)`` for the rows of a batch; G instances at most."""

    gaps: Tensor  # (B, G + 1)
    order: Tensor  # (B, G)
    parts: Tensor  # (B, G)
    ratio: Tensor  # (B,)
    shift: Tensor  # (B,)


class PastedContexts(Context):
    """Paste moments into real background.

    A moment gets the background of the untrimmed video in its row of the batch: the stretches outside all annotated
    instances, joined, from a random point on. Into it the moment is pasted as often, and for as long, as instances
    are annotated in that video, in random order at random places; once at its own length where none is. Where the
    untrimmed video has no background, that of the next video of the batch which has some is taken.

    Args:
        channels: Channels C of the feature sequences; not needed.
        length: Time steps T of a synthetic video.
        instances: Whether the untrimmed video says how many instances there are and how long, or there is one.
        moment_ratios: Smallest and largest part of the time steps that a single instance takes.
        max_instances: Most instances of a synthetic video; the first ones of the untrimmed video count.
        fill: How a moment fills an instance of another duration: at its own speed, which takes a random part of a
            longer moment and repeats a shorter one, or stretched.
        ramp: Snippet strides over which features change from background to action. Snippets at the ends of an action
            show something of both.

    Raises:
        ConfigError: If the ratios do not ascend within ``(0, 0.95]``, ``max_instances`` is below 1, or the ramp is
            negative.
    """

    def __init__(
        self,
        channels: int,  # noqa: ARG002 - every context takes it
        length: int,
        *,
        instances: Literal["annotated", "single"] = "annotated",
        moment_ratios: tuple[float, float] = (0.1, 0.6),
        max_instances: int = 8,
        fill: Literal["speed", "stretch"] = "speed",
        ramp: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 < moment_ratios[0] <= moment_ratios[1] <= _LARGEST_PART:
            raise ConfigError(f"'context.moment_ratios' must ascend within 0..{_LARGEST_PART}, got {moment_ratios}")
        if max_instances < 1:
            raise ConfigError(f"'context.max_instances' is {max_instances}; give at least 1")
        if ramp < 0:
            raise ConfigError(f"'context.ramp' is {ramp}; give 0 for none, or more")
        self.length = length
        self.instances: Literal["annotated", "single"] = instances
        self.moment_ratios = moment_ratios
        self.max_instances = max_instances
        self.fill: Literal["speed", "stretch"] = fill
        self.ramp = ramp

    def forward(
        self, moments: LabelledClips, untrimmed: LabelledVideos | None, generator: torch.Generator
    ) -> LabelledVideos:
        """Return one synthetic video for each moment; see :meth:`Context.forward`.

        Raises:
            ConfigError: If there are no untrimmed videos, or none has any background.
        """
        videos = _rows_for(len(moments.features), untrimmed)
        draws = self._draw(moments, generator)
        segments = self._place(moments, videos, draws)
        is_real = segments[..., 1] > segments[..., 0]
        weights, instances = action_weights(segments, self._ramps(videos), self.length).max(dim=1)  # (B, T)
        action = read_features(moments.features, self._positions(moments, videos, segments, instances, draws.parts))
        features = torch.lerp(_background(videos, draws.shift), action, weights.unsqueeze(1).expand_as(action))
        labels = torch.where(is_real, moments.labels.unsqueeze(1), -1)
        return LabelledVideos(features, segments, labels, videos.durations)

    def _draw(self, moments: LabelledClips, generator: torch.Generator) -> _Draws:
        """All random numbers, the same number of them whatever the batch holds."""
        total, own = batch_slice(len(moments.features))
        sizes = [self.max_instances + 1, self.max_instances, self.max_instances, 1, 1]
        numbers = torch.rand(total, sum(sizes), generator=generator)[own].to(moments.features)
        gaps, order, parts, ratio, shift = numbers.split_with_sizes(sizes, dim=1)
        return _Draws(gaps, order, parts, ratio.squeeze(1), shift.squeeze(1))

    def _place(self, moments: LabelledClips, videos: LabelledVideos, draws: _Draws) -> Tensor:
        """Segments of the instances, normalized, ``(B, G, 2)``; padding is empty and comes last."""
        low, high = self.moment_ratios
        is_single = self.instances == "single"
        one = low + (high - low) * draws.ratio if is_single else moments.durations / videos.durations
        single = functional.pad(one.unsqueeze(1), (0, self.max_instances - 1))
        widths = functional.pad(_annotated_widths(videos), (0, self.max_instances))[:, : self.max_instances]
        widths = torch.where((widths.sum(dim=1, keepdim=True) == 0) | is_single, single, widths)
        widths = widths / (widths.sum(dim=1, keepdim=True) / _LARGEST_PART).clamp(min=1)
        order = torch.where(widths > 0, draws.order, 1.0).argsort(dim=1)
        # Exponential variates: all ways to share the rest among the gaps are equally likely.
        return place_instances(widths.gather(1, order), (-torch.log1p(-draws.gaps)).clamp(min=1e-6))

    def _ramps(self, videos: LabelledVideos) -> Tensor:
        """Normalized width of the ramps ``(B,)``, at least a thousandth of a step."""
        return (self.ramp / videos.durations).clamp(min=1e-3 / self.length)

    def _positions(
        self, moments: LabelledClips, videos: LabelledVideos, segments: Tensor, instances: Tensor, parts: Tensor
    ) -> Tensor:
        """Where in its moment each time step lies, normalized, ``(B, T)``, given the instance that it may show."""
        starts, ends = (values.gather(1, instances) for values in segments.unbind(dim=-1))
        since = step_centres(self.length, starts) - starts
        if self.fill == "stretch":
            return since / (ends - starts)
        # In units of the moment's duration:
        scale = (videos.durations / moments.durations).unsqueeze(1)
        played, wanted = since * scale, (ends - starts) * scale
        first = parts.gather(1, instances) * (1 - wanted).clamp(min=0)
        return torch.where(wanted > 1, played % 1, first + played)


def _rows_for(count: int, untrimmed: LabelledVideos | None) -> LabelledVideos:
    """An untrimmed video with background for each moment, that of the same row if it has any."""
    if untrimmed is None:
        raise ConfigError("PastedContexts takes background from untrimmed videos; add 'untrimmed' to 'data.parts'")
    length = untrimmed.features.shape[-1]
    has_background = background_steps(untrimmed.segments, untrimmed.labels, length).any(dim=1)
    if not has_background.any():
        raise ConfigError(
            "no untrimmed video of the batch has any background to paste moments into: give background videos, or "
            "'network.context: GeneratedContexts'"
        )
    with_background = has_background.nonzero().squeeze(1)
    rows = torch.arange(count, device=has_background.device) % len(has_background)
    following = torch.searchsorted(with_background, rows) % len(with_background)
    return LabelledVideos(*(field[with_background[following]] for field in untrimmed))


def _annotated_widths(videos: LabelledVideos) -> Tensor:
    """Part of a video that each of its instances takes, 0 at padding, ``(B, G)``."""
    widths = (videos.segments[..., 1] - videos.segments[..., 0]).clamp(min=0)
    return widths * (videos.labels >= 0)


def _background(videos: LabelledVideos, shifts: Tensor) -> Tensor:
    """Background features alone, from a random point on, ``(B, C, T)``."""
    features = videos.features
    steps = cycle_steps(background_steps(videos.segments, videos.labels, features.shape[-1]), shifts)
    return features.gather(2, steps.unsqueeze(1).expand_as(features))
