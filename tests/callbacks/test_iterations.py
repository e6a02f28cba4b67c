from __future__ import annotations

import pytest
import pytorch_lightning as pl

from aher_lightning.callbacks.iterations import finished_iterations
from aher_lightning.errors import ConfigError
from tests.helpers.training import toy_localizer


def test_modules_count_their_iterations() -> None:
    module = toy_localizer()
    assert finished_iterations(module) == 0
    module.iteration = 7
    assert finished_iterations(module) == 7


def test_modules_that_do_not_count_are_refused() -> None:
    with pytest.raises(ConfigError, match="LightningModule counts no iterations; use this callback with"):
        finished_iterations(pl.LightningModule())
