from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from aher_lightning.callbacks import DiscriminatorWatch
from aher_lightning.callbacks.discriminator_watch import KEYS
from aher_lightning.errors import ConfigError
from tests.helpers.training import toy_localizer


def watch(accuracies: list[tuple[float, float]], *, is_global_zero: bool = True, **options: int) -> None:
    """Look at one pair of accuracies per iteration."""
    callback = DiscriminatorWatch(**({"patience": 5, "every_n_iterations": 1} | options))
    module = toy_localizer()
    for iteration, pair in enumerate(accuracies, start=1):
        module.iteration = iteration
        metrics = dict(zip(KEYS, map(torch.tensor, pair), strict=True))
        trainer = cast("Any", SimpleNamespace(callback_metrics=metrics, is_global_zero=is_global_zero))
        callback.on_train_batch_end(trainer, module, None, None, iteration - 1)


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ([(0.5, 0.5)] * 9, "for 5 iterations the discriminators do no better than guessing; the generators"),
        ([(1.0, 0.0)] * 9, "do no better than guessing"),
        ([(1.0, 0.99)] * 9, "are always right; the generators cannot fool them"),
        ([(0.7, 0.6)] * 3 + [(1.0, 1.0)] * 5, "iteration 8: for 5 iterations the discriminators are always right"),
    ],
)
def test_a_game_that_is_over_is_noticed_once(
    accuracies: list[tuple[float, float]], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    watch(accuracies)
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize(
    "accuracies", [[(0.7, 0.6)] * 20, [(0.5, 0.5)] * 4, ([(0.5, 0.5)] * 4 + [(0.8, 0.8)]) * 3, [(1.0, 0.5)] * 9]
)
def test_a_game_that_goes_on_is_left_alone(
    accuracies: list[tuple[float, float]], capsys: pytest.CaptureFixture[str]
) -> None:
    watch(accuracies)
    assert capsys.readouterr().err == ""


def test_one_process_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    watch([(1.0, 1.0)] * 9, is_global_zero=False)
    assert capsys.readouterr().err == ""


def test_it_looks_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    watch([(1.0, 1.0) if number % 5 == 4 else (0.7, 0.7) for number in range(20)], patience=20, every_n_iterations=5)
    assert "iteration 20: for 20 iterations" in capsys.readouterr().err


def test_a_watch_that_never_looks_is_refused() -> None:
    for options in ({"patience": 5, "every_n_iterations": 10}, {"patience": 0, "every_n_iterations": 0}):
        with pytest.raises(
            ConfigError, match=r"'discriminator_watch\.every_n_iterations' must lie between 1 and its 'patience'"
        ):
            DiscriminatorWatch(**options)
