"""The scores of a validation or a test, as a table."""

from __future__ import annotations

from collections.abc import Mapping

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.trainer.states import TrainerFn
from rich.table import Table

from aher_lightning.console import output_console
from aher_lightning.reports.terminal_tables import percent

GROUPS = ("untrimmed", "moment", "harmonic")
"""Prefixes of the scores of category groups."""


class ScoreTable(Callback):
    """Show the scores in percent when ``aher validate`` or ``aher test`` ends; during training loggers get them.

    Args:
        enabled: Whether to show anything.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the scores of ``aher validate``."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._show(trainer, "val")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the scores of a test."""
        self._show(trainer, "test")

    def _show(self, trainer: pl.Trainer, prefix: str) -> None:
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        if self.enabled and trainer.is_global_zero:
            output_console().print(score_table(metrics, prefix))


def score_table(metrics: Mapping[str, float], prefix: str) -> Table:
    """Return scores as a table, groups of categories side by side.

    Args:
        metrics: Scores by name, fractions; ``PREFIX/mAP``, or ``PREFIX/GROUP/mAP`` where groups are scored.
        prefix: Which of them: "val" or "test".

    Returns:
        The table, in percent; a dash where there is no such score.
    """
    scores: dict[str, dict[str, float]] = {}
    for key, value in metrics.items():
        split, _, rest = key.partition("/")
        group, _, name = rest.partition("/")
        if split == prefix:
            group, name = (group, name) if group in GROUPS else ("", rest)
            scores.setdefault(name.replace("/", " "), {})[group] = value
    groups = [group for group in ("", *GROUPS) if any(group in row for row in scores.values())]
    table = Table("score, %")
    for group in groups:
        table.add_column(group, justify="right")
    for name, row in scores.items():
        values = (row.get(group) for group in groups)
        table.add_row(name, *(percent(None if value != value else value) for value in values))
    return table
