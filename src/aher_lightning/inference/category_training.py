"""Linear classifiers of new categories on features that stay as they are, next to the rows of all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.checkpoints.added_categories import LevelRows
from aher_lightning.errors import DataError

PENALTIES = (0.1, 0.01, 0.001, 0.0001, 0.00001)
"""Strengths of regularization that cross-validation chooses from, the strongest first."""

MOST_VALIDATED = 10
"""New categories that take part in the choice; with more of them it would take minutes and come out the same."""

MOST_FOLDS = 5
"""Parts that the clips of a category are divided into; as many parts as clips where there are fewer."""

_FINAL_STEPS = 200
_FOLD_STEPS = 40
"""Most iterations of the optimizer; those of a choice between penalties need not converge fully."""


class LevelProblem(NamedTuple):
    """What the classifier of one level learns from; existing categories come first in all counts.

    Attributes:
        features: Pooled feature maps of remembered moments and new clips, ``(N, d)``.
        labels: Their categories, int64 ``(N,)``; ``K`` and above are new.
        weight: Rows of the existing categories, which stay as they are, ``(K, d)``.
        bias: Their biases, ``(K,)``.
    """

    features: Tensor
    labels: Tensor
    weight: Tensor
    bias: Tensor


class ClassTraining(NamedTuple):
    """New classifier rows.

    Attributes:
        levels: The rows of each level.
        penalty: The strength of regularization that was chosen.
        held_out_loss: Cross entropy of clips that the rows were not trained on, mean over levels, by penalty.
    """

    levels: list[LevelRows]
    penalty: float
    held_out_loss: dict[float, float]


def train_categories(
    problems: Sequence[LevelProblem], num_new: int, on_step: Callable[[str], None] = lambda _: None
) -> ClassTraining:
    """Train the rows of new categories on every level, all of them at once.

    Softmax regression over all categories, of which the new rows alone are free. Every category counts the same,
    whether it has five clips or hundreds. The penalty draws each row to the mean of the existing ones, which is
    where a category is that nothing is known about; it is measured in units of the features' variance, and the
    same one on all levels. It is chosen by cross-validation: every clip is judged once by rows that were trained
    without it. There is no chance in it: the same clips give the same rows.

    Args:
        problems: One per level, with the same clips in the same order.
        num_new: Number A of new categories; each has two clips or more.
        on_step: Called after each of :func:`count_steps` steps with what it was.

    Returns:
        The rows, and how they were chosen.

    Raises:
        DataError: If a new category has fewer than two clips.
    """
    labels, num_fixed = problems[0].labels, len(problems[0].bias)
    counts = torch.bincount(labels, minlength=num_fixed + num_new)[num_fixed:]
    if int(counts.min()) < 2:
        raise DataError("a category is learnt from two clips or more; add clips")
    held_out = cross_validate(problems, num_new, on_step)
    penalty = min(held_out, key=lambda one: held_out[one])  # of equal ones, the strongest
    weights = class_weights(labels).unsqueeze(0)
    levels = []
    for level, problem in enumerate(problems):
        rows = fit_rows(problem, num_new, weights, penalty)
        levels.append(LevelRows(rows.weight[0].float(), rows.bias[0].float()))
        on_step(f"level {level + 1}, all clips")
    return ClassTraining(levels, penalty, held_out)


def cross_validate(
    problems: Sequence[LevelProblem], num_new: int, on_step: Callable[[str], None] = lambda _: None
) -> dict[float, float]:
    """Return the cross entropy of held-out clips by penalty, mean over categories and levels.

    Args:
        problems: See :func:`train_categories`.
        num_new: Number A of new categories; of more than :data:`MOST_VALIDATED`, so many take part.
        on_step: Called after each penalty of each level.

    Returns:
        Losses by penalty.
    """
    num_fixed = len(problems[0].bias)
    chosen = torch.arange(num_new)[:: -(-num_new // MOST_VALIDATED)]
    labels_of = torch.full((num_fixed + num_new,), -1)
    labels_of[:num_fixed] = torch.arange(num_fixed)
    labels_of[num_fixed + chosen] = num_fixed + torch.arange(len(chosen))
    labels = labels_of[problems[0].labels]
    taking_part = labels >= 0
    labels = labels[taking_part]
    fewest = int(torch.bincount(labels, minlength=num_fixed + len(chosen))[num_fixed:].min())
    folds, weights = assign_folds(labels, min(MOST_FOLDS, fewest)), class_weights(labels)
    masks = torch.stack([weights * (folds != fold) for fold in range(int(folds.max()) + 1)])
    losses = dict.fromkeys(PENALTIES, 0.0)
    for level, whole in enumerate(problems):
        problem = LevelProblem(whole.features[taking_part], labels, whole.weight, whole.bias)
        rows = None  # each solution is the start of the next one
        for penalty in PENALTIES:
            rows = fit_rows(problem, len(chosen), masks, penalty, start=rows, max_steps=_FOLD_STEPS)
            own = sample_losses(problem, rows).gather(0, folds.unsqueeze(0))[0]
            losses[penalty] += float((own * weights).sum() / weights.sum()) / len(problems)
            on_step(f"level {level + 1}, penalty {penalty:g}")
    return losses


def count_steps(num_levels: int) -> int:
    """Return how many steps :func:`train_categories` reports.

    Args:
        num_levels: Number L of pyramid levels.

    Returns:
        The number of steps.
    """
    return num_levels * (len(PENALTIES) + 1)


def class_weights(labels: Tensor) -> Tensor:
    """Return what each clip counts, so that all categories count the same.

    Args:
        labels: Categories of the clips, int64 ``(N,)``.

    Returns:
        Weights that sum to 1 over each category, float64 ``(N,)``.

    Example:
        >>> class_weights(torch.tensor([0, 0, 0, 0, 3, 3])).tolist()
        [0.25, 0.25, 0.25, 0.25, 0.5, 0.5]
    """
    return 1 / torch.bincount(labels)[labels].double()


def assign_folds(labels: Tensor, num_folds: int) -> Tensor:
    """Deal the clips of each category out to folds, one after another.

    Args:
        labels: Categories of the clips, int64 ``(N,)``.
        num_folds: Number of folds.

    Returns:
        The fold of each clip, int64 ``(N,)``.

    Example:
        >>> assign_folds(torch.tensor([0, 0, 1, 0, 1]), 2).tolist()
        [0, 1, 0, 0, 1]
    """
    folds = torch.empty_like(labels)
    for label in torch.unique(labels):
        own = labels == label
        folds[own] = torch.arange(int(own.sum())) % num_folds
    return folds


def fit_rows(
    problem: LevelProblem,
    num_new: int,
    weights: Tensor,
    penalty: float,
    *,
    start: LevelRows | None = None,
    max_steps: int = _FINAL_STEPS,
) -> LevelRows:
    """Minimize cross entropy + penalty over the new rows, for several weightings of the clips at once.

    Each weighting is a problem of its own, convex, with one minimum.

    Args:
        problem: Clips and existing rows.
        num_new: Number A of new categories.
        weights: What each clip counts in each problem, ``(F, N)``.
        penalty: Strength of regularization, in units of the features' variance.
        start: Rows to start from; the mean of the existing ones if not given.
        max_steps: Most iterations of L-BFGS.

    Returns:
        Weights ``(F, A, d)`` and biases ``(F, A)``, float64.
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


def sample_losses(problem: LevelProblem, rows: LevelRows) -> Tensor:
    """Return the cross entropy of each clip over all categories.

    Args:
        problem: Clips and existing rows.
        rows: New rows, ``(F, A, d)`` and ``(F, A)``.

    Returns:
        Losses, ``(F, N)``.
    """
    features = problem.features.double()
    fixed = features @ problem.weight.double().T + problem.bias.double()
    new = torch.einsum("nd,fad->fna", features, rows.weight) + rows.bias.unsqueeze(1)
    logits = torch.cat([fixed.expand(len(new), -1, -1), new], dim=-1)
    return logits.logsumexp(dim=-1) - logits.gather(-1, problem.labels.expand(len(new), -1).unsqueeze(-1)).squeeze(-1)
