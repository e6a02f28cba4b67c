"""Select the detections of a video to keep."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import torch

from aher_lightning.errors import ConfigError
from aher_lightning.structures import Detections


def category_labels(wanted: Sequence[str] | None, known: Sequence[str]) -> list[int] | None:
    """Return the labels of category names; ``None`` stands for all.

    Raises:
        ConfigError: If the list is empty or a name is unknown; the message suggests similar ones.

    Example:
        >>> category_labels(["wave"], ["nod", "wave"])
        [1]
    """
    if wanted is None:
        return None
    if not wanted:
        raise ConfigError("'categories' is empty; name those to keep, or leave it out for all")
    for name in wanted:
        if name not in known:
            alike = get_close_matches(name, known, n=3)
            meant = f"did you mean {', '.join(alike)}?" if alike else f"it has {', '.join(known[:3])} and so on;"
            raise ConfigError(
                f"no category '{name:.80}' among the {len(known)} of this checkpoint; {meant} "
                "'aher list-categories' shows all"
            )
    return [list(known).index(name) for name in wanted]


def select_detections(
    found: Detections, *, top_k: int | None = None, min_score: float = 0.0, labels: Sequence[int] | None = None
) -> Detections:
    """Return the best detections of a video.

    Args:
        found: Detections, best first, segments ``(N, 2)``.
        top_k: Most detections to keep; all if not given.
        min_score: Smallest score to keep.
        labels: Labels to keep; all if not given.

    Returns:
        Detections, best first.

    Example:
        >>> found = Detections(torch.rand(3, 2), torch.tensor([0.9, 0.5, 0.1]), torch.tensor([0, 1, 0]))
        >>> select_detections(found, min_score=0.2).labels.tolist()
        [0, 1]
    """
    is_kept = found.scores >= min_score
    if labels is not None:
        is_kept &= torch.isin(found.labels, torch.tensor(labels, dtype=found.labels.dtype))
    return Detections(*(field[is_kept][:top_k] for field in found))
