"""Train linear classifiers of new categories on frozen features, next to the frozen rows of all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.checkpoints.added_categories import LevelRows
from aher_lightning.errors import DataError

_PENALTIES = (0.1, 0.01, 0.001, 0.0001, 0.00001)
"""Regularization strengths for cross-validation, the strongest first."""

_MOST_VALIDATED = 10
"""New categories in the cross-validation; more would take minutes and give the same choice."""

_MOST_FOLDS = 5
"""Most folds of cross-validation; a category with fewer clips has as many folds as clips."""

_FINAL_STEPS = 200
_FOLD_STEPS = 40
"""Most iterations of the optimizer; cross-validation need not converge fully."""


class LevelProblem(NamedTuple):
    """What the classifier of one level learns from; existing categories come first in all counts.

    Attributes:
        features: Pooled feature maps of remembered moments and new clips, ``(N, d)``.
        labels: Their categories, int64 ``(N,)``; ``K`` and above are new.
        weight: Rows of the existing categories, frozen, ``(K, d)``.
        bias: Their biases, ``(K,)``.
    """

    features: Tensor
    labels: Tensor
    weight: Tensor
    bias: Tensor


class CategoryTraining(NamedTuple):
    """New classifier rows.

    Attributes:
        levels: The rows of each level.
        penalty: The chosen strength of regularization.
        held_out_loss: Cross entropy of held-out clips, mean over levels, by penalty.
    """

    levels: list[LevelRows]
    penalty: float
    held_out_loss: dict[float, float]


def train_categories(
    problems: Sequence[LevelProblem], num_new: int, on_step: Callable[[str], None] = lambda _: None
) -> CategoryTraining:
    """Train the rows of new categories on every level, all at once.

    Softmax regression over all categories, in which only the new rows are free. Every category has the same weight,
    whatever its number of clips. The penalty pulls each row towards the mean of the existing ones, the prior of an
    unknown category; it is measured in units of the features' variance, and the same on all levels. Cross-validation
    chooses it: every clip is judged once by rows trained without it. Nothing is random: the same clips give the same
    rows.

    Args:
        problems: One per level, with the same clips in the same order.
        num_new: Number A of new categories; each has two clips or more.
        on_step: Called with a description after each of :func:`count_steps` steps.

    Raises:
        DataError: If a new category has fewer than two clips.
    """
    labels, num_fixed = problems[0].labels, len(problems[0].bias)
    counts = torch.bincount(labels, minlength=num_fixed + num_new)[num_fixed:]
    if int(counts.min()) < 2:
        raise DataError("a category needs two clips or more; add clips")
    held_out = _cross_validate(problems, num_new, on_step)
    penalty = min(held_out, key=lambda one: held_out[one])  # of equal ones, the strongest
    weights = _class_weights(labels).unsqueeze(0)
    levels = []
    for level, problem in enumerate(problems):
        rows = _fit_rows(problem, num_new, weights, penalty)
        levels.append(LevelRows(rows.weight[0].float(), rows.bias[0].float()))
        on_step(f"level {level + 1}, all clips")
    return CategoryTraining(levels, penalty, held_out)


def _cross_validate(
    problems: Sequence[LevelProblem], num_new: int, on_step: Callable[[str], None] = lambda _: None
) -> dict[float, float]:
    """Return the cross entropy of held-out clips by penalty, mean over categories and levels."""
    num_fixed = len(problems[0].bias)
    chosen = torch.arange(num_new)[:: -(-num_new // _MOST_VALIDATED)]
    labels_of = torch.full((num_fixed + num_new,), -1)
    labels_of[:num_fixed] = torch.arange(num_fixed)
    labels_of[num_fixed + chosen] = num_fixed + torch.arange(len(chosen))
    labels = labels_of[problems[0].labels]
    taking_part = labels >= 0
    labels = labels[taking_part]
    fewest = int(torch.bincount(labels, minlength=num_fixed + len(chosen))[num_fixed:].min())
    folds, weights = _assign_folds(labels, min(_MOST_FOLDS, fewest)), _class_weights(labels)
    masks = torch.stack([weights * (folds != fold) for fold in range(int(folds.max()) + 1)])
    losses = dict.fromkeys(_PENALTIES, 0.0)
    for level, whole in enumerate(problems):
        problem = LevelProblem(whole.features[taking_part], labels, whole.weight, whole.bias)
        rows = None  # each solution starts the next one
        for penalty in _PENALTIES:
            rows = _fit_rows(problem, len(chosen), masks, penalty, start=rows, max_steps=_FOLD_STEPS)
            own = _sample_losses(problem, rows).gather(0, folds.unsqueeze(0))[0]
            losses[penalty] += float((own * weights).sum() / weights.sum()) / len(problems)
            on_step(f"level {level + 1}, penalty {penalty:g}")
    return losses


def count_steps(num_levels: int) -> int:
    """Return how many steps :func:`train_categories` reports for L levels."""
    return num_levels * (len(_PENALTIES) + 1)


def _class_weights(labels: Tensor) -> Tensor:
    """Return clip weights that sum to 1 over each category of ``labels`` ``(N,)``, float64 ``(N,)``."""
    return 1 / torch.bincount(labels)[labels].double()


def _assign_folds(labels: Tensor, num_folds: int) -> Tensor:
    """Deal the clips of each category out to folds in turn; return the fold of each clip, int64 ``(N,)``."""
    folds = torch.empty_like(labels)
    for label in torch.unique(labels):
        own = labels == label
        folds[own] = torch.arange(int(own.sum())) % num_folds
    return folds


def _fit_rows(
    problem: LevelProblem,
    num_new: int,
    weights: Tensor,
    penalty: float,
    *,
    start: LevelRows | None = None,
    max_steps: int = _FINAL_STEPS,
) -> LevelRows:
    """Minimize cross entropy + penalty over the new rows, for several weightings of the clips at once.

    Each weighting ``(F, N)`` is a convex problem of its own with one minimum. ``start`` defaults to the mean of the
    existing rows. Returns weights ``(F, A, d)`` and biases ``(F, A)``, float64.
    """
    features, labels = problem.features.double(), problem.labels
    centre = problem.weight.double().mean(dim=0)
    offset = features.mean(dim=0)
    variance = features.var(dim=0, unbiased=False).sum().clamp(min=torch.finfo(torch.float64).tiny)
    # Centred features and unit variance make the problem well conditioned; the rows are put back at the end.
    scale = variance.sqrt()
    inputs = (features - offset) / scale
    fixed = torch.logsumexp(features @ problem.weight.double().T + problem.bias.double(), dim=1)
    base = features @ centre - fixed  # what a new row of the centre and no bias says, relative to all existing ones
    chosen = (labels - len(problem.bias)).clamp(min=0)
    is_new = labels >= len(problem.bias)
    shape = (len(weights), num_new)
    deviation = torch.zeros(*shape, features.shape[1], dtype=torch.float64)
    level = torch.zeros(shape, dtype=torch.float64)
    if start is not None:
        deviation = (start.weight - centre) * scale
        level = start.bias + (start.weight - centre) @ offset
    deviation, level = deviation.requires_grad_(), level.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [deviation, level],
        max_iter=max_steps,
        tolerance_grad=1e-7,
        tolerance_change=1e-12,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = inputs @ deviation.flatten(0, 1).T + level.flatten() + base.unsqueeze(1)
        logits = logits.reshape(-1, *shape).movedim(0, 2)  # (F, A, N)
        total = torch.nn.functional.softplus(torch.logsumexp(logits, dim=1))  # existing rows count as 0
        own = logits.gather(1, chosen.expand(len(weights), 1, -1)).squeeze(1) * is_new
        objective = ((total - own) * weights).sum() + penalty * deviation.square().sum()
        objective.backward()  # type: ignore[no-untyped-call]
        return objective

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    found = deviation.detach() / scale
    return LevelRows(centre + found, level.detach() - found @ offset)


def _sample_losses(problem: LevelProblem, rows: LevelRows) -> Tensor:
    """Return the cross entropy of each clip over all categories, ``(F, N)``, of new rows ``(F, A, d)``."""
    features = problem.features.double()
    fixed = features @ problem.weight.double().T + problem.bias.double()
    new = torch.einsum("nd,fad->fna", features, rows.weight) + rows.bias.unsqueeze(1)
    logits = torch.cat([fixed.expand(len(new), -1, -1), new], dim=-1)
    return logits.logsumexp(dim=-1) - logits.gather(-1, problem.labels.expand(len(new), -1).unsqueeze(-1)).squeeze(-1)
