from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from aher_lightning.checkpoints.added_categories import LevelRows
from aher_lightning.errors import DataError
from aher_lightning.inference import category_training as class_training
from aher_lightning.inference.category_training import (
    MOST_VALIDATED,
    PENALTIES,
    LevelProblem,
    assign_folds,
    class_weights,
    count_steps,
    cross_validate,
    fit_rows,
    sample_losses,
    train_categories,
)

FIXED = 3


def problem(num_new: int, clips: int = 4, width: int = 6, *, noise: float = 0.3, seed: int = 0) -> LevelProblem:
    """Return clips around a centre per category; the rows of the existing ones are about right."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.rand(FIXED + num_new, width, generator=generator)
    labels = torch.cat([torch.arange(60) % FIXED, FIXED + torch.arange(num_new * clips) % num_new])
    features = centres[labels] + noise * torch.randn(len(labels), width, generator=generator)
    weight = 3 * (centres[:FIXED] - centres[:FIXED].mean(dim=0)) + 0.5
    return LevelProblem(features, labels, weight, torch.tensor([0.1, 0.0, -0.1]))


def objective(given: LevelProblem, rows: LevelRows, weights: Tensor, penalty: float) -> Tensor:
    """The definition, in plain terms: for one weighting, rows (A, d) and (A,)."""
    weight = torch.cat([given.weight.double(), rows.weight])
    bias = torch.cat([given.bias.double(), rows.bias])
    logits = given.features.double() @ weight.T + bias
    losses = functional.cross_entropy(logits, given.labels, reduction="none")
    variance = given.features.double().var(dim=0, unbiased=False).sum()
    distance = (rows.weight - given.weight.double().mean(dim=0)).square().sum()
    return (losses * weights).sum() + penalty * variance * distance


@pytest.mark.parametrize("num_new", [1, 3])
@pytest.mark.parametrize("penalty", [0.1, 0.001])
def test_the_minimum_has_no_gradient(num_new: int, penalty: float) -> None:
    given = problem(num_new)
    weights = class_weights(given.labels)
    found = fit_rows(given, num_new, weights.unsqueeze(0), penalty)
    rows = LevelRows(found.weight[0].requires_grad_(), found.bias[0].requires_grad_())
    gradients = torch.autograd.grad(objective(given, rows, weights, penalty), list(rows))
    assert max(float(one.abs().max()) for one in gradients) < 1e-5


def test_several_weightings_at_once_are_each_on_its_own() -> None:
    given = problem(2)
    weights = torch.stack([class_weights(given.labels) * (torch.arange(len(given.labels)) % 3 != k) for k in range(3)])
    together = fit_rows(given, 2, weights, 0.01)
    for k in range(3):
        alone = fit_rows(given, 2, weights[k : k + 1], 0.01, start=LevelRows(*(one[:1] for one in together)))
        torch.testing.assert_close(together.weight[k], alone.weight[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(together.bias[k], alone.bias[0], atol=1e-4, rtol=1e-4)


def test_a_strong_penalty_leaves_the_mean_row_and_a_bias_that_gets_the_share_right() -> None:
    given = problem(1)
    weights = class_weights(given.labels)
    rows = fit_rows(given, 1, weights.unsqueeze(0), 1e6)
    torch.testing.assert_close(rows.weight[0, 0], given.weight.double().mean(dim=0), atol=1e-5, rtol=0)
    logits = torch.cat([given.weight.double(), rows.weight[0]]) @ given.features.double().T
    logits += torch.cat([given.bias.double(), rows.bias[0]]).unsqueeze(1)
    # With a free bias the probabilities of the new category sum to what its clips count: 1 of 4 categories.
    assert float((logits.softmax(dim=0)[-1] * weights).sum()) == pytest.approx(1.0, abs=1e-5)


def test_units_of_the_features_do_not_matter() -> None:
    given = problem(2)
    scaled = LevelProblem(50 * given.features, given.labels, given.weight / 50, given.bias)
    weights = class_weights(given.labels).unsqueeze(0)
    ours, theirs = (fit_rows(one, 2, weights, 0.01) for one in (given, scaled))
    torch.testing.assert_close(ours.weight, 50 * theirs.weight, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.bias, theirs.bias, atol=1e-4, rtol=1e-4)


def test_losses_are_cross_entropies_over_all_categories() -> None:
    given = LevelProblem(torch.zeros(2, 3), torch.tensor([0, 3]), torch.zeros(3, 3), torch.zeros(3))
    losses = sample_losses(given, LevelRows(torch.zeros(1, 1, 3).double(), torch.tensor([[math.log(3)]]).double()))
    torch.testing.assert_close(losses, torch.tensor([[math.log(6), math.log(2)]], dtype=torch.float64))


@pytest.mark.parametrize("num_new", [1, 5])
def test_new_categories_are_recognized_and_the_result_repeats(num_new: int) -> None:
    problems = [problem(num_new, clips=6, width=12 + level, noise=0.15, seed=level) for level in range(2)]
    steps: list[str] = []
    trained = train_categories(problems, num_new, steps.append)
    assert len(steps) == count_steps(2)
    assert trained.penalty == min(trained.held_out_loss, key=lambda one: trained.held_out_loss[one])
    for given, rows in zip(problems, trained.levels, strict=True):
        assert rows.weight.shape == (num_new, given.features.shape[1])
        assert rows.weight.dtype == torch.float32
        logits = given.features @ torch.cat([given.weight, rows.weight]).T + torch.cat([given.bias, rows.bias])
        is_new = given.labels >= FIXED
        assert (logits.argmax(dim=1) == given.labels)[is_new].float().mean() > 0.9
    again = train_categories(problems, num_new)
    assert all(torch.equal(*pair) for pair in zip(trained.levels[0], again.levels[0], strict=True))


def test_noise_asks_for_a_stronger_penalty() -> None:
    clean, noisy = (train_categories([problem(2, clips=5, width=30, noise=noise)], 2).penalty for noise in (0.05, 1.0))
    assert noisy > clean


def test_held_out_losses_are_those_of_rows_trained_without_the_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_training, "PENALTIES", (0.1,))
    given = problem(1, clips=2)
    weights = class_weights(given.labels)
    folds = assign_folds(given.labels, 2)
    total = 0.0
    for fold in range(2):
        rows = fit_rows(given, 1, (weights * (folds != fold)).unsqueeze(0), 0.1)
        total += float((sample_losses(given, rows)[0] * weights)[folds == fold].sum())
    assert cross_validate([given], 1) == {0.1: pytest.approx(total / (FIXED + 1), abs=1e-5)}


def test_of_many_categories_some_take_part_in_the_choice() -> None:
    given = problem(2 * MOST_VALIDATED, clips=2)
    assert set(cross_validate([given], 2 * MOST_VALIDATED)) == set(PENALTIES)
    is_half = (given.labels < FIXED) | (given.labels % 2 == FIXED % 2)
    half = given._replace(features=given.features[is_half], labels=given.labels[is_half])
    chosen = torch.where(half.labels < FIXED, half.labels, FIXED + (half.labels - FIXED) // 2)
    alone = cross_validate([half._replace(labels=chosen)], MOST_VALIDATED)
    assert alone == pytest.approx(cross_validate([given], 2 * MOST_VALIDATED))


def test_one_clip_is_refused() -> None:
    with pytest.raises(DataError, match="learnt from two clips or more"):
        train_categories([problem(1, clips=1)], 1)
