"""``aher evaluate``: scores a prediction file against an annotation file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from aher_lightning.console import output_console
from aher_lightning.datasets.annotations import AnnotatedVideo, list_categories, read_activitynet, restrict
from aher_lightning.datasets.categories import read_categories, read_taxonomy_leaves
from aher_lightning.errors import AnnotationError, ConfigError
from aher_lightning.json_files import write_json
from aher_lightning.metrics.functional.proposal_recall import proposal_recalls
from aher_lightning.metrics.functional.segment_table import SegmentTable, table_from_detections
from aher_lightning.metrics.functional.temporal_map import AveragePrecisions, average_precisions
from aher_lightning.metrics.functional.thresholds import check_thresholds, threshold_name
from aher_lightning.reports.activitynet_json import Predictions, read_predictions

# The functional form, because two of the keys are no identifiers.
EvaluationReport = TypedDict(
    "EvaluationReport",
    {
        "mAP": dict[str, float],
        "AR@AN": dict[str, float],
        "AUC": float,
        "videos": int,
        "instances": int,
        "predictions": int,
        "unknown_videos": int,
        "per_class_AP": dict[str, dict[str, float]],
    },
    total=False,
)
"""Scores in ``[0, 1]`` by tIoU (``"0.50"`` and so on, ``"average"``) or AN (``"1"`` to ``"100"``).

``AR@AN`` and ``AUC`` are there if asked for. ``unknown_videos`` have predictions but no ground truth: their
predictions are false positives.
"""


def evaluate(
    ground_truth: Path,
    predictions: Path,
    *,
    subset: str = "validation",
    tiou: list[float] | None = None,
    proposals: bool = False,
    categories: Path | None = None,
    group: str | None = None,
    output: Path | None = None,
) -> EvaluationReport:
    """Score detections like the official ActivityNet evaluator, print a table and return the report.

    Predictions for videos outside the subset count as false positives. With ``categories``, instances and
    predictions of all other categories are left out.

    Args:
        ground_truth: Annotation file in ActivityNet layout.
        predictions: Prediction file in ActivityNet layout.
        subset: Which videos of the annotation file.
        tiou: tIoU thresholds; 0.5:0.05:0.95 unless given.
        proposals: Also report AR@AN and AUC of the predictions as class-agnostic proposals.
        categories: JSON list of the categories to score, or JSON object of such lists.
        group: Which list of that object.
        output: Where to write the report as JSON.

    Returns:
        The report.

    Raises:
        AnnotationError: If the annotation or category file cannot be used, or has nothing to score.
        PredictionError: If the prediction file cannot be used.
        ConfigError: If the options do not fit together, or the report cannot be written.
    """
    if group is not None and categories is None:
        raise ConfigError(f"the group {group!r} needs a file of category groups: give categories as well")
    try:
        thresholds = check_thresholds(tiou)
    except ValueError as reason:
        raise ConfigError(str(reason)) from None
    chosen = None if categories is None else read_categories(categories, group)
    # Instances of no length stay in, as nobody can find them but the official evaluator counts them.
    videos = read_activitynet(ground_truth, on_invalid="keep")
    known = [*list_categories(videos), *read_taxonomy_leaves(ground_truth), *(chosen or [])]
    found = read_predictions(predictions, list(dict.fromkeys(known)))
    try:
        videos = restrict(videos, subset=subset, categories=chosen)
    except AnnotationError as reason:
        raise AnnotationError(f"{ground_truth}: {reason}") from None
    if not any(video.instances for video in videos.values()):
        raise AnnotationError(f"{ground_truth}: the subset {subset!r} has no instance; choose an annotated subset")
    report = evaluation_report(videos, found, thresholds, proposals=proposals, categories=chosen)
    if output is not None:
        write_json(output, report, ConfigError, indent=2)
    output_console().print(report_view(report))
    return report


def evaluation_report(
    videos: Mapping[str, AnnotatedVideo],
    predictions: Predictions,
    thresholds: Sequence[float] | None = None,
    *,
    proposals: bool = False,
    categories: Sequence[str] | None = None,
) -> EvaluationReport:
    """Return the scores of predictions.

    Args:
        videos: Ground truth; at least one instance.
        predictions: Detections; equal scores rank in their order.
        thresholds: tIoU thresholds; ``None`` stands for 0.5:0.05:0.95.
        proposals: Also report AR@AN and AUC.
        categories: Leave out predictions of all others; ``None`` keeps all.

    Returns:
        The report.

    Raises:
        ValueError: If the thresholds cannot be used.
    """
    detections = predictions.detections
    video_indices = {name: index for index, name in enumerate(dict.fromkeys([*detections, *videos]))}
    category_indices = {name: index for index, name in enumerate(predictions.categories)}
    found = table_from_detections(list(detections.values()), [video_indices[name] for name in detections])
    targets = [video.as_targets(category_indices) for video in videos.values()]
    truth = table_from_detections(targets, [video_indices[name] for name in videos])
    if categories is not None:
        found = _only(found, [category_indices[name] for name in categories])
    precisions = average_precisions(found, truth, thresholds)
    report: EvaluationReport = {
        "mAP": _by_threshold(precisions.thresholds, precisions.means.tolist(), precisions.average),
        "videos": sum(bool(video.instances) for video in videos.values()),
        "instances": len(truth.videos),
        "predictions": len(found.videos),
        "unknown_videos": len(np.setdiff1d(found.videos, [video_indices[name] for name in videos])),
        "per_class_AP": _per_class(precisions, predictions.categories),
    }
    if proposals:
        recalls = proposal_recalls(found, truth, thresholds)
        values = enumerate(recalls.average_recalls.tolist(), start=1)
        report["AR@AN"] = {str(number): recall for number, recall in values}
        report["AUC"] = recalls.area_under_curve
    return report


def report_view(report: EvaluationReport) -> Group:
    """Return what the terminal shows of a report: counts, and a table of the scores in percent.

    Args:
        report: What :func:`evaluation_report` returned.

    Returns:
        Something that rich can print.
    """
    counts = f"{report['videos']} videos, {report['instances']} instances, {report['predictions']} predictions"
    lines = [Text(counts)]
    if report["unknown_videos"]:
        lines.append(Text(f"{report['unknown_videos']} predicted videos are not in the ground truth: false positives"))
    table = Table("score", Column("%", justify="right"))
    for name, value in report["mAP"].items():
        is_average = name == "average"
        table.add_row("average mAP" if is_average else f"mAP@{name}", f"{100 * value:.2f}", end_section=is_average)
    if "AUC" in report:
        for number in ("1", "10", "100"):
            table.add_row(f"AR@{number}", f"{100 * report['AR@AN'][number]:.2f}")
        table.add_row("AUC", f"{100 * report['AUC']:.2f}")
    return Group(*lines, table)


def _only(found: SegmentTable, labels: Sequence[int]) -> SegmentTable:
    """Return the rows of some categories."""
    return found.rows(np.isin(found.labels, labels))


def _by_threshold(thresholds: Sequence[float], values: Sequence[float], average: float) -> dict[str, float]:
    """Return the values by the name of their threshold, and their average."""
    named = {threshold_name(at): value for at, value in zip(thresholds, values, strict=True)}
    return {**named, "average": average}


def _per_class(precisions: AveragePrecisions, categories: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the average precisions of each category by its name."""
    names = [categories[label] for label in precisions.labels.tolist()]
    averages = precisions.values.mean(axis=0).tolist()
    columns = zip(names, precisions.values.T.tolist(), averages, strict=True)
    return {name: _by_threshold(precisions.thresholds, values, average) for name, values, average in columns}
