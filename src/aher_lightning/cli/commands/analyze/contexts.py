"""``aher analyze contexts``: features of real and synthetic background side by side (figure 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.analyses.context_cells import (
    Cells,
    cell_states,
    choose_level,
    draw_cells,
    join_cells,
    select_cells,
)
from aher_lightning.analyses.embedding import embed_features, separability
from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.cli.commands.analyze.trained import load_trained
from aher_lightning.console import output_console
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.collate import collate_moments, collate_untrimmed
from aher_lightning.datasets.moments import MomentDataset
from aher_lightning.datasets.sampling import SampleKey
from aher_lightning.datasets.untrimmed import UntrimmedDataset
from aher_lightning.errors import ConfigError, require_extra
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.ops.matching import BACKGROUND, FOREGROUND
from aher_lightning.ops.randomness import random_generator
from aher_lightning.ops.segments import clip_segments, normalize_segments
from aher_lightning.reports.context_scatter import draw_context_scatter
from aher_lightning.reports.csv_table import write_csv
from aher_lightning.structures import LabelledClips, LabelledVideos

_FOREGROUND_KIND = "foreground"
_SYNTHETIC_KIND = "synthetic background"
_REAL_KIND = "real background"


class ContextReport(NamedTuple):
    """Result of ``aher analyze contexts``.

    Attributes:
        level: The pyramid level compared, from 1.
        counts: Cells of each kind.
        separability: Accuracy of a linear classifier between synthetic and real background; 0.5 is chance.
    """

    level: int
    counts: dict[str, int]
    separability: float


@torch.inference_mode()
def contexts(
    data: MixedDataModule,
    checkpoint: Path,
    output: Path = Path("analysis"),
    *,
    anchors: int = 500,
    moments: int = 200,
    level: int | None = None,
    seed: int = 0,
    trust_plugins: bool = False,
) -> ContextReport:
    """Show foreground, synthetic and real background in one plane, by PCA and t-SNE.

    Foreground and synthetic background come from moments in the contexts of the network, real background from
    validation videos. Predictions of one cell share its features, so cells are drawn, each once.

    Args:
        data: Moments and validation videos, and how frames become snippets.
        checkpoint: AherNet, a file written by ``aher fit``.
        output: Folder for ``contexts.csv`` and ``contexts.png``; made if needed.
        anchors: Cells to show of each kind; fewer of a kind that has fewer on the level.
        moments: Moments to draw at random, and validation videos at most; as many as there are if fewer.
        level: Pyramid level from 1; the first one with enough cells of each kind if not given.
        seed: Seed of all random choices.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

    Raises:
        AherError: If scikit-learn, the checkpoint, the data or an option cannot be used.
    """
    if min(anchors, moments) < 2:
        raise ConfigError("'anchors' and 'moments' must be at least 2; correct them")
    require_extra("analysis", "this analysis")
    # A base class, of AherNet and of plug-ins that are trained like it.
    kind = PhasedModule
    module = load_trained(checkpoint, data, kind, trust_plugins=trust_plugins)  # type: ignore[type-abstract]
    foreground, synthetic = _synthetic_cells(module, data, moments, seed)
    kinds = {
        _FOREGROUND_KIND: foreground,
        _SYNTHETIC_KIND: synthetic,
        _REAL_KIND: _real_background_cells(module, data, moments, seed),
    }
    chosen = choose_level(kinds, anchors, level)
    drawn = {kind: draw_cells(cells[chosen - 1], anchors, seed, "cells", kind) for kind, cells in kinds.items()}
    report = ContextReport(
        level=chosen,
        counts={kind: len(cells.features) for kind, cells in drawn.items()},
        separability=separability(drawn[_SYNTHETIC_KIND], drawn[_REAL_KIND], seed),
    )
    places = embed_features(torch.cat([cells.features for cells in drawn.values()]), seed)
    _write(output, report, dict(zip(drawn, places.split_with_sizes(list(report.counts.values())), strict=True)))
    return report


def _synthetic_cells(
    module: PhasedModule, data: MixedDataModule, count: int, seed: int
) -> tuple[list[Cells], list[Cells]]:
    """Foreground and background cells of each level, of synthetic videos; the seed chooses moments and backgrounds."""
    network = module.network
    clips = data.availability.usable(data.moment_clips(), "moments")
    dataset = MomentDataset(clips, data.source, data.moment_categories)
    training = _dataset(data, data.untrimmed_videos(), "videos of training", data.untrimmed_categories)
    foreground, background = [], []
    for first, places in _batches(len(dataset), count, data.eval_batch_size, seed, "moments"):
        batch = collate_moments([dataset[SampleKey(place)] for place in places])
        features = module.encode(batch.snippets.on(module.device), network.moment_length)
        drawn = LabelledClips(features, batch.labels.to(features.device), batch.snippets.durations.to(features.device))
        generator = random_generator(seed, "contexts", first)
        others = torch.randint(len(training), (len(places),), generator=generator).tolist() if len(training) else []
        synthetic = network.context(drawn, _read_videos(module, training, others) if others else None, generator)
        levels, states = _levels_and_states(module, synthetic)
        foreground.append(select_cells(levels, states, FOREGROUND, first))
        background.append(select_cells(levels, states, BACKGROUND, first))
    return join_cells(foreground), join_cells(background)


def _real_background_cells(module: PhasedModule, data: MixedDataModule, count: int, seed: int) -> list[Cells]:
    """Background cells of each level, of validation videos; instances of both category sets are no background."""
    categories = [*data.untrimmed_categories, *data.moment_categories]
    dataset = _dataset(data, data.evaluation_videos(), "videos of evaluation", categories)
    background = []
    for first, places in _batches(len(dataset), count, data.eval_batch_size, seed, "videos"):
        levels, states = _levels_and_states(module, _read_videos(module, dataset, places))
        background.append(select_cells(levels, states, BACKGROUND, first))
    return join_cells(background)


def _dataset(
    data: MixedDataModule, videos: Sequence[AnnotatedVideo], name: str, categories: Sequence[str]
) -> UntrimmedDataset:
    """The usable ones of some videos, with all of their instances of some categories."""
    there = data.availability.usable(videos, name) if videos else []
    return UntrimmedDataset([data.videos[video.video_id] for video in there], data.source, categories)


def _read_videos(module: PhasedModule, dataset: UntrimmedDataset, places: Sequence[int]) -> LabelledVideos:
    """Features of some videos with their instances."""
    batch = collate_untrimmed([dataset[SampleKey(place)] for place in places])
    snippets = batch.snippets.on(module.device)
    features = module.encode(snippets, module.network.length)
    segments = clip_segments(normalize_segments(batch.segments_sec, batch.durations_sec)).to(features)
    return LabelledVideos(features, segments, batch.labels.to(features.device), snippets.durations)


def _levels_and_states(module: PhasedModule, videos: LabelledVideos) -> tuple[list[Tensor], list[Tensor]]:
    """Feature maps ``(B, d_j, n_j)`` and what their cells show ``(B, n_j)``, as in training."""
    network = module.network
    states = cell_states(network.head.match(videos.segments, videos.labels), network.cells_per_level)
    return [level.cpu() for level in network.levels(videos.features)], [state.cpu() for state in states]


def _batches(total: int, count: int, batch_size: int, *key: int | str) -> Iterator[tuple[int, Sequence[int]]]:
    """Places drawn at random without repetition, in batches, each with the number of its first place."""
    places = torch.randperm(total, generator=random_generator(*key))[:count].tolist()
    for first in range(0, len(places), batch_size):
        yield first, places[first : first + batch_size]


def _write(output: Path, report: ContextReport, points: dict[str, Tensor]) -> None:
    """Write table and figure, and print what they show."""
    rows = [(*place, kind, report.level) for kind, places in points.items() for place in places.tolist()]
    write_csv(output / "contexts.csv", ("x", "y", "kind", "level"), rows)
    finding = f"a linear classifier tells synthetic from real background in {100 * report.separability:.1f} %"
    title = f"Features of pyramid level {report.level}\n{finding} (chance: 50 %)"
    draw_context_scatter(output / "contexts.png", points, title)
    console = output_console()
    shown = ", ".join(f"{count} {kind}" for kind, count in report.counts.items())
    console.print(f"level {report.level}: cells of {shown}", markup=False)
    console.print(f"separability {report.separability:.3f}: {finding} of unseen videos; 0.5 is chance", markup=False)
    console.print(f"written to {output / 'contexts.csv'} and {output / 'contexts.png'}", markup=False)
