"""``aher analyze levels``: classification accuracy of each pyramid level (figure 4)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import torch
from rich.table import Column, Table
from torch import Tensor

from aher_lightning.analyses.level_accuracy import LevelAccuracy, count_per_level, level_accuracies, true_categories
from aher_lightning.cli.commands.analyze.trained import load_trained
from aher_lightning.console import ProgressReporter, output_console
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.errors import ConfigError
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.modules.snippet_classifier import SnippetClassifierModule, class_probabilities
from aher_lightning.ops.pooling import mean_over_segments
from aher_lightning.ops.segments import normalize_segments
from aher_lightning.reports.csv_table import write_csv
from aher_lightning.reports.level_bars import draw_level_bars
from aher_lightning.structures import UntrimmedBatch


@torch.inference_mode()
def levels(
    data: MixedDataModule,
    checkpoint: Path,
    classifier: Path,
    output: Path = Path("analysis"),
    min_tiou: float = 0.5,
    *,
    trust_plugins: bool = False,
) -> list[LevelAccuracy]:
    """Compare two classifiers on the proposals of each pyramid level, in the validation videos.

    Every anchor of AherNet gives one proposal, the segment that its offsets move it to. AherNet labels it by the
    anchor-level classifier of its cell; AherNet- labels the same segment by the classifier of moments, whose
    probabilities are averaged over it. The true category is that of the instance that the proposal overlaps most.

    Args:
        data: The validation videos, and how frames become snippets.
        checkpoint: AherNet, a file written by ``aher fit``.
        classifier: The classifier of moments, a file written by ``aher fit`` with a SnippetClassifierModule.
        output: Folder for ``levels.csv`` and ``levels.png``; made if needed.
        min_tiou: Proposals that overlap no instance by so much have no true category and are not counted.
        trust_plugins: Whether the checkpoints may name classes outside this package, whose code runs then.

    Returns:
        The accuracies, from the finest level to the coarsest.

    Raises:
        AherError: If a checkpoint, the data or an option cannot be used.
    """
    if not 0 < min_tiou <= 1:
        raise ConfigError(f"min_tiou is {min_tiou}, but a tIoU to reach is above 0 and at most 1; choose such a value")
    # A base class, of AherNet and of plug-ins that are trained like it.
    kind = PhasedModule
    ahernet = load_trained(checkpoint, data, kind, trust_plugins=trust_plugins)  # type: ignore[type-abstract]
    of_moments = load_trained(classifier, data, SnippetClassifierModule, trust_plugins=trust_plugins)
    reuse_features = fingerprint(ahernet.backbone) == fingerprint(of_moments.backbone)
    cells = ahernet.network.cells_per_level
    counts = torch.zeros(3, len(cells), dtype=torch.int64)
    loader = data.val_dataloader()
    there = data.availability.usable(data.evaluation_videos(), "videos of evaluation")
    with ProgressReporter("Classifying proposals", len(there), unit="videos") as progress:
        for batch in cast("Iterable[UntrimmedBatch]", loader):
            counts += count_batch(ahernet, of_moments, batch, min_tiou, reuse_features=reuse_features)
            progress.advance(len(batch.video_ids))
    accuracies = level_accuracies(counts, cells)
    write_csv(output / "levels.csv", LevelAccuracy._fields, accuracies)
    draw_level_bars(output / "levels.png", accuracies)
    output_console().print(_table(accuracies))
    output_console().print(f"written to {output / 'levels.csv'} and {output / 'levels.png'}", markup=False)
    return accuracies


def count_batch(
    ahernet: PhasedModule,
    classifier: SnippetClassifierModule,
    batch: UntrimmedBatch,
    min_tiou: float,
    *,
    reuse_features: bool,
) -> Tensor:
    """Count the proposals of some videos, and those that either classifier labels right.

    Args:
        ahernet: Makes the proposals, and labels them.
        classifier: Labels them too.
        batch: The videos.
        min_tiou: Smallest tIoU of a counted proposal.
        reuse_features: Whether both have the same backbone, so that features are computed once.

    Returns:
        Proposals, right ones of AherNet and right ones of AherNet-, int64 ``(3, L)``.
    """
    network = ahernet.network
    snippets = batch.snippets.on(ahernet.device)
    features = ahernet.encode(snippets, network.length)
    outputs = network(features, ahernet.categories.evaluated)
    proposals = ahernet.decoder.decode_segments(outputs, network.anchors)
    anchors_per_cell = len(network.anchors) // sum(network.cells_per_level)
    by_cell = outputs.class_logits.argmax(dim=1).repeat_interleave(anchors_per_cell, dim=1)
    if not reuse_features:
        features = classifier.encode(snippets, network.length)
    probabilities = class_probabilities(classifier, features.transpose(1, 2)).transpose(1, 2)  # (B, K, T)
    by_segment = mean_over_segments(probabilities, proposals).argmax(dim=-1)
    segments = normalize_segments(batch.segments_sec, batch.durations_sec).to(proposals)
    true = true_categories(proposals, segments, batch.labels.to(proposals.device), min_tiou)
    anchors_per_level = [anchors_per_cell * cells for cells in network.cells_per_level]
    return count_per_level(true, (by_cell, by_segment), anchors_per_level).cpu()


def _table(accuracies: list[LevelAccuracy]) -> Table:
    """The accuracies in percent."""
    table = Table(*(Column(name, justify="right") for name in ("level", "cells", "proposals", "AherNet", "AherNet-")))
    for level, cells, proposals, *values in accuracies:
        shown = ["" if value is None else f"{100 * value:.1f} %" for value in values]
        table.add_row(str(level), str(cells), str(proposals), *shown)
    return table
