"""Tables of the ablation benchmark, and its paired differences with intervals.

A difference is that of two systems on the test videos of a seed, averaged over the seeds. Its 95 % interval is the
percentile interval of a bootstrap: the test videos of each seed are drawn with replacement, both systems are scored on
the same draw, and the mean over the seeds of their differences is taken. It covers the choice of the test videos, given
the trained networks of these seeds. It does not cover other seeds, which is what the standard deviation shows; with few
seeds, an interval without 0 says that one system is better on such videos with these trainings, no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from rich.table import Table

from aher_lightning.annotations.category_lists import read_categories
from aher_lightning.evaluation.ground_truth import GroundTruth, GroundTruthChoice, read_ground_truth
from aher_lightning.evaluation.protocol import PROTOCOLS
from aher_lightning.evaluation.tables import evaluation_tables
from aher_lightning.metrics.functional.bootstrap import Resampling
from aher_lightning.metrics.functional.detection_matching import match_predictions
from aher_lightning.metrics.functional.segment_table import FloatArray
from aher_lightning.metrics.functional.temporal_map import rank_hits
from aher_lightning.reports.predictions.reader import read_predictions

DECODINGS = ("demo", "paper")
"""The decoding of ``demo.yaml``, and that of ``variants/paper_decoding.yaml``."""

METRICS = {
    "mAP": "average mAP",
    "mAP@0.50": "mAP@0.50",
    "mAP@0.75": "mAP@0.75",
    "mAP@0.95": "mAP@0.95",
    "AUC": "AUC",
    "oracle_labels/mAP": "true labels",
    "oracle_segments/mAP": "true segments",
}
"""Scores of ``aher test``, and the headings of their columns."""

COMPARED = ("mAP", "mAP@0.50")
"""Scores whose differences are shown."""

LEVEL = 0.95
"""Fraction of the resamples within an interval."""


class Difference(TypedDict):
    """By how much AherNet is better than another system, as a fraction of 1.

    Attributes:
        seeds: Difference of each seed.
        mean: Their mean.
        low: Lower end of its interval.
        high: Upper end.
        fraction_better: Fraction of the resamples in which the mean is greater than 0.
    """

    seeds: dict[int, float]
    mean: float
    low: float
    high: float
    fraction_better: float


Differences = dict[str, dict[str, Difference]]
"""Differences by system and score."""


def compare(
    ours: str, folders: Mapping[str, Mapping[int, Path]], data: Mapping[int, Path], resamples: int
) -> Differences:
    """Return the differences between one system and each other one.

    Args:
        ours: Name of the first system.
        folders: Folders with ``predictions.json``, by system and seed.
        data: Folder of the rendered benchmark, by seed.
        resamples: Number of bootstrap resamples.
    """
    scores: dict[str, dict[int, FloatArray]] = {name: {} for name in folders}
    for seed, root in data.items():
        truth = read_truth(root)
        resampling = Resampling(resamples, seed)
        for name, by_seed in folders.items():
            scores[name][seed] = resampled_scores(truth, by_seed[seed] / "predictions.json", resampling)
    return {name: _differences(scores[ours], theirs) for name, theirs in scores.items() if name != ours}


def read_truth(root: Path) -> GroundTruth:
    """Return the annotated test videos of the moment categories of a rendered benchmark."""
    groups = {"moment": read_categories(root / "split.json", "moment")}
    return read_ground_truth(root / "annotations.json", GroundTruthChoice("validation", groups))


def resampled_scores(truth: GroundTruth, path: Path, resampling: Resampling) -> FloatArray:
    """Return the compared scores of a prediction file on all videos and on each resample.

    Equal resamplings draw the same videos for every file.

    Args:
        truth: Test videos of the seed.
        path: Prediction file.
        resampling: How videos are resampled.

    Returns:
        Scores in ``[0, 1]``, shape ``(1 + resamples, scores)``; all videos come first.
    """
    protocol = PROTOCOLS["activitynet"]
    tables = evaluation_tables(truth, read_predictions(path, truth.categories), protocol).scored_only()
    hits = rank_hits(match_predictions(*tables.both, protocol.thresholds), tables.truth)
    draws = resampling.weights(range(tables.num_videos), (tables.found.videos, tables.truth.videos))
    rows = [hits.precisions().named(), *(hits.precisions(weights).named() for weights in draws)]
    return np.array([[row[name] for name in COMPARED] for row in rows])


def _differences(ours: Mapping[int, FloatArray], theirs: Mapping[int, FloatArray]) -> dict[str, Difference]:
    """Differences of two systems by score."""
    by_seed = np.stack([ours[seed] - theirs[seed] for seed in ours])  # (seeds, 1 + resamples, scores)
    found: dict[str, Difference] = {}
    for column, name in enumerate(COMPARED):
        measured, *resampled = by_seed[:, :, column].mean(axis=0).tolist()
        low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
        found[name] = {
            "seeds": dict(zip(ours, by_seed[:, 0, column].tolist(), strict=True)),
            "mean": measured,
            "low": low,
            "high": high,
            "fraction_better": float(np.mean(np.array(resampled) > 0)),
        }
    return found


def score_table(systems: Mapping[str, Any], decoding: str, keys: Sequence[str]) -> Table:
    """Return a row for each system: means and standard deviations of some scores, in percent.

    Args:
        systems: Systems of ``results.json``.
        decoding: One of ``DECODINGS``.
        keys: Scores among ``METRICS``.
    """
    headings = [METRICS[key] for key in keys]
    title = f"{', '.join(headings)} in %, decoding of the {decoding}"
    result = Table("system", title=title, title_justify="left")
    for heading in headings:
        result.add_column(heading, justify="right", no_wrap=True)
    for system in systems.values():
        found = system["decodings"][decoding]
        result.add_row(system["title"], *(_spread(found["mean"][key], found["deviation"][key]) for key in keys))
    return result


def difference_table(differences: Differences, decoding: str, titles: Mapping[str, str]) -> Table:
    """Return a row for each system: by how much AherNet is better, in percentage points.

    Args:
        differences: Differences by system and score.
        decoding: One of ``DECODINGS``.
        titles: Names of the systems in tables.
    """
    title = f"AherNet minus system with {100 * LEVEL:g} % intervals, in points, decoding of the {decoding}"
    result = Table("system", title=title, title_justify="left")
    for name in COMPARED:
        result.add_column(METRICS[name], justify="right", no_wrap=True)
    for name, by_score in differences.items():
        result.add_row(titles[name], *(_interval(by_score[key]) for key in COMPARED))
    return result


def _spread(mean: float, deviation: float | None) -> str:
    """Mean in percent, with the standard deviation if there is one."""
    return f"{100 * mean:.1f}" if deviation is None else f"{100 * mean:.1f} ±{100 * deviation:.1f}"


def _interval(one: Difference) -> str:
    """A difference and its interval in percentage points."""
    return f"{100 * one['mean']:+.1f} ({100 * one['low']:+.1f} to {100 * one['high']:+.1f})"
