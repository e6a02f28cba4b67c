"""Resampling of feature sequences to the fixed length of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from aher_lightning.errors import ConfigError


@dataclass(frozen=True)
class Resampling:
    """How feature sequences are resampled to a fixed length.

    The defaults sample every output step evenly. The behaviour of the authors' code of "Learning to Localize Actions
    from Moments" (Long et al., ECCV 2020), https://arxiv.org/abs/2008.13705, was established by running it; the paper
    does not describe it.

    Args:
        sample_places: Where an output step is sampled, as fractions of the step; the authors' code has
            ``(0, 1 / 2, 1)``, so that neighbouring steps share a sample.
        padding: Features before the first and after the last snippet's centre. "replicate": those of that snippet.
            "zeros", as in the authors' code: steps wholly outside are zero, those that contain an outermost centre
            shrink to their inner part, and a single snippet extends everywhere.
        edge_margin: With "zeros", how far the edges move inwards, in units of the distance between snippets; the
            authors' code has 0.0001 seconds.

    Raises:
        ConfigError: If there is no place, a place lies outside the step, or the margin is out of range.

    Example:
        >>> Resampling(sample_places=(0.0, 0.5, 1.0), padding="zeros").padding
        'zeros'
    """

    sample_places: tuple[float, ...] = (1 / 6, 1 / 2, 5 / 6)
    padding: Literal["replicate", "zeros"] = "replicate"
    edge_margin: float = 0.0

    def __post_init__(self) -> None:
        if not self.sample_places or not all(0 <= place <= 1 for place in self.sample_places):
            raise ConfigError(f"sample_places must be fractions of a step, got {self.sample_places}; give 0 to 1")
        if self.padding not in ("replicate", "zeros"):
            raise ConfigError(f"padding must be 'replicate' or 'zeros', got {self.padding!r}")
        if not 0 <= self.edge_margin < 1 / 2:
            raise ConfigError(f"edge_margin must lie in [0, 0.5), got {self.edge_margin}; give a fraction of a snippet")


def resample_sequences(
    values: Tensor,
    lengths: Tensor,
    first_centres: Tensor,
    steps: Tensor,
    length: int,
    resampling: Resampling | None = None,
) -> Tensor:
    """Resample snippet features to equal steps of their video's (or span's) time axis.

    Output step t covers ``[t / length, (t + 1) / length)`` and is the mean of a few linearly interpolated
    samples within. Differentiable in ``values``.

    Args:
        values: Features of all sequences, concatenated, shape ``(sum N, C)``.
        lengths: Snippets of each sequence, all at least 1, int64 ``(B,)``.
        first_centres: Centre of each sequence's first snippet, normalized, shape ``(B,)``.
        steps: Distance of neighbouring snippet centres, normalized, shape ``(B,)``.
        length: Number of output steps T.
        resampling: Where steps are sampled, and the padding; the defaults if not given.

    Returns:
        Feature sequences, shape ``(B, C, T)``.

    Raises:
        ValueError: If a sequence has no snippet, or the lengths do not sum to the number of values.

    Example:
        >>> values = torch.tensor([[0.0], [1.0], [2.0]])
        >>> resample_sequences(values, torch.tensor([3]), torch.tensor([0.0]), torch.tensor([0.5]), 2)
        tensor([[[0.5000, 1.5000]]])
    """
    if bool((lengths < 1).any()) or int(lengths.sum()) != len(values):
        raise ValueError(f"lengths must be positive and sum to {len(values)} snippets, got {lengths.tolist()}")
    last = (lengths - 1)[:, None, None]
    positions, is_covered = _sample_positions(last, first_centres, steps, length, resampling or Resampling())
    lower = positions.floor().long()
    upper = (lower + 1).minimum(last)
    offsets = (lengths.cumsum(0) - lengths)[:, None, None]
    indices = torch.cat((lower, upper), dim=-1) + offsets
    weights = torch.cat((1 - positions + lower, positions - lower), dim=-1) * is_covered / positions.shape[-1]
    # A bag sums the weighted snippets of one output step without materializing the samples.
    bags = functional.embedding_bag(
        indices.flatten(0, 1), values, per_sample_weights=weights.flatten(0, 1).to(values.dtype), mode="sum"
    )
    return bags.view(len(lengths), length, values.shape[1]).transpose(1, 2)


def _sample_positions(
    last: Tensor, first_centres: Tensor, steps: Tensor, length: int, resampling: Resampling
) -> tuple[Tensor, Tensor]:
    """Return where output steps are sampled, in snippets ``(B, T, S)``, and which steps lie inside, ``(B, T, 1)``."""
    bounds = torch.arange(length + 1, dtype=torch.float64, device=last.device).unsqueeze(1) / length
    positions = (bounds - first_centres.double()[:, None, None]) / steps.double()[:, None, None]  # (B, T + 1, 1)
    if resampling.padding == "zeros":
        inside = positions.clamp(min=resampling.edge_margin).minimum(last - resampling.edge_margin)
        positions = inside.where(last > 0, positions)
    starts, ends = positions[:, :-1], positions[:, 1:]
    places = torch.tensor(resampling.sample_places, dtype=torch.float64, device=last.device)
    sampled = starts + places * (ends - starts)
    return sampled.clamp(min=0).minimum(last.double()), ends > starts


def resize_features(features: Tensor, length: int) -> Tensor:
    """Resize feature sequences ``(B, C, T)`` to ``(B, C, length)`` by linear interpolation as in TensorFlow 1.

    Output step t reads position ``t * T / length``: steps are points, not intervals (no half-pixel
    centres), and shrinking does not average (no antialiasing). The last step is replicated.

    Example:
        >>> resize_features(torch.tensor([[[0.0, 1.0]]]), 4)
        tensor([[[0.0000, 0.5000, 1.0000, 1.0000]]])
    """
    old_length = features.shape[-1]
    positions = torch.arange(length, device=features.device, dtype=torch.float32) * (old_length / max(length, 1))
    lower = positions.floor().long()
    upper = (lower + 1).clamp(max=old_length - 1)
    return torch.lerp(features[..., lower], features[..., upper], (positions - lower).to(features.dtype))


def read_features(features: Tensor, positions: Tensor) -> Tensor:
    """Read feature sequences at given positions, linearly interpolated between the centres of neighbouring steps.

    Beyond the outermost centres their values are replicated.

    Args:
        features: Feature sequences, shape ``(B, C, T)``.
        positions: Where to read, normalized, shape ``(B, M)``.

    Returns:
        Feature sequences, shape ``(B, C, M)``.

    Example:
        >>> read_features(torch.tensor([[[0.0, 1.0, 2.0, 3.0]]]), torch.tensor([[0.0, 0.5, 1.0]]))
        tensor([[[0.0000, 1.5000, 3.0000]]])
    """
    last = features.shape[-1] - 1
    steps = (positions * (last + 1) - 0.5).clamp(0, last)  # (B, M)
    lower = steps.floor().long()
    low, high = (
        features.gather(2, chosen.unsqueeze(1).expand(-1, features.shape[1], -1))
        for chosen in (lower, (lower + 1).clamp(max=last))
    )
    return torch.lerp(low, high, (steps - lower).unsqueeze(1).expand_as(low))
