"""Feature sequences of any length, brought to the fixed length that the network reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def resample_sequences(
    values: Tensor,
    lengths: Tensor,
    first_centres: Tensor,
    steps: Tensor,
    length: int,
    sample_places: Sequence[float] = (1 / 6, 1 / 2, 5 / 6),
) -> Tensor:
    """Resample snippet features to a number of equal steps of their video's (or span's) time axis.

    Output step t covers ``[t / length, (t + 1) / length)`` and is the mean of a few linearly interpolated
    samples within. Before the first and after the last snippet's centre, the feature of that snippet
    holds. Differentiable in ``values``.

    Follows the authors' code of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705, which samples at ``(0, 1 / 2, 1)`` and leaves steps outside of the
    snippets' centres zero.

    Args:
        values: Features of all sequences, one after another, shape ``(sum N, C)``.
        lengths: Snippets of each sequence, all at least 1, int64 ``(B,)``.
        first_centres: Centre of each sequence's first snippet, normalized, shape ``(B,)``.
        steps: Distance of neighbouring snippet centres, normalized, shape ``(B,)``.
        length: Number of output steps T.
        sample_places: Where an output step is sampled, as fractions of the step.

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
    places = torch.tensor(sample_places, dtype=torch.float64, device=values.device)
    times = (torch.arange(length, device=values.device).unsqueeze(1) + places) / length  # (T, S)
    positions = (times - first_centres.double()[:, None, None]) / steps.double()[:, None, None]  # (B, T, S)
    last = (lengths - 1)[:, None, None]
    positions = positions.clamp(min=0).minimum(last.double())
    lower = positions.floor().long()
    upper = (lower + 1).minimum(last)
    offsets = (lengths.cumsum(0) - lengths)[:, None, None]
    indices = torch.cat((lower, upper), dim=-1) + offsets
    weights = torch.cat((1 - positions + lower, positions - lower), dim=-1) / len(places)
    # A bag sums the weighted snippets of one output step without ever holding the samples.
    bags = functional.embedding_bag(
        indices.flatten(0, 1), values, per_sample_weights=weights.flatten(0, 1).to(values.dtype), mode="sum"
    )
    return bags.view(len(lengths), length, values.shape[1]).transpose(1, 2)


def resize_features(features: Tensor, length: int) -> Tensor:
    """Resize feature sequences by linear interpolation in the way of TensorFlow 1.

    Output step t reads position ``t * T / length``: steps are points, not intervals (no half-pixel
    centres), and shrinking does not average (no antialiasing). The last position is held.

    Args:
        features: Shape ``(B, C, T)``, T at least 1.
        length: Number of output steps.

    Returns:
        Resized features, shape ``(B, C, length)``.

    Example:
        >>> resize_features(torch.tensor([[[0.0, 1.0]]]), 4)
        tensor([[[0.0000, 0.5000, 1.0000, 1.0000]]])
    """
    old_length = features.shape[-1]
    positions = torch.arange(length, device=features.device, dtype=torch.float32) * (old_length / max(length, 1))
    lower = positions.floor().long()
    upper = (lower + 1).clamp(max=old_length - 1)
    return torch.lerp(features[..., lower], features[..., upper], (positions - lower).to(features.dtype))
