"""``aher evaluate``: scores a prediction file against an annotation file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from aher_lightning.console import output_console
from aher_lightning.datasets.annotations import AnnotatedVideo, list_categories, read_activitynet, restrict
from aher_lightning.datasets.categories import read_categories, read_category_groups, read_taxonomy_leaves
from aher_lightning.datasets.splits import split_path
from aher_lightning.errors import AnnotationError, ConfigError
from aher_lightning.json_files import write_json
from aher_lightning.metrics.functional.groups import group_precisions, group_proposals, harmonic_mean
from aher_lightning.metrics.functional.oracle import Oracle, apply_oracle
from aher_lightning.metrics.functional.proposal_recall import proposal_recalls
from aher_lightning.metrics.functional.segment_table import SegmentTable, table_from_detections
from aher_lightning.metrics.functional.temporal_map import AveragePrecisions, average_precisions
from aher_lightning.metrics.functional.thresholds import check_thresholds, threshold_name
from aher_lightning.reports.evaluation import HARMONIC_MEAN, EvaluationReport, GroupReport, report_view
from aher_lightning.reports.prediction_reader import Predictions, read_predictions

CategoryGroups = Mapping[str, Sequence[str]]
"""Category names by group."""


def evaluate(
    ground_truth: Path,
    predictions: Path,
    *,
    subset: str = "validation",
    tiou: list[float] | None = None,
    proposals: bool = False,
    categories: Path | None = None,
    group: str | None = None,
    oracle: Oracle | None = None,
    output: Path | None = None,
) -> EvaluationReport:
    """Score detections like the official ActivityNet evaluator, print a table and return the report.

    Predictions for videos outside the subset count as false positives. With ``categories``, instances and
    predictions of all other categories are left out. If these are several groups and none is chosen, each group
    is also scored by itself, and the harmonic mean of the groups is reported. An oracle is asked first: the true
    label may be one that is scored where the predicted one is not.

    Args:
        ground_truth: Annotation file in ActivityNet layout.
        predictions: Prediction file in ActivityNet layout.
        subset: Which videos of the annotation file.
        tiou: tIoU thresholds; 0.5:0.05:0.95 unless given.
        proposals: Also report AR@AN and AUC of the predictions as class-agnostic proposals.
        categories: JSON list of the categories to score, JSON object of such lists, or the name of a split that
            comes with the package, such as anet_un_am.
        group: Which list of that object; all of them unless given.
        oracle: Put the true labels or segments in place of the predicted ones, to see the other errors alone.
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
    groups = None if categories is None else _read_groups(_category_file(categories), group)
    chosen = None if groups is None else [name for names in groups.values() for name in names]
    # Instances of no length stay in, as nobody can find them but the official evaluator counts them.
    videos = read_activitynet(ground_truth, on_invalid="keep")
    known = [*list_categories(videos), *read_taxonomy_leaves(ground_truth), *(chosen or [])]
    found = read_predictions(predictions, list(dict.fromkeys(known)))
    try:
        videos = restrict(videos, subset=subset, categories=chosen)
        _check_instances(videos, subset, groups or {})
    except AnnotationError as reason:
        raise AnnotationError(f"{ground_truth}: {reason}") from None
    report = evaluation_report(videos, found, thresholds, proposals=proposals, groups=groups, oracle=oracle)
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
    groups: CategoryGroups | None = None,
    oracle: Oracle | None = None,
) -> EvaluationReport:
    """Return the scores of predictions.

    Args:
        videos: Ground truth; at least one instance, and one of each group if there are several.
        predictions: Detections; equal scores rank in their order.
        thresholds: tIoU thresholds; ``None`` stands for 0.5:0.05:0.95.
        proposals: Also report AR@AN and AUC.
        groups: Leave out predictions of all other categories; two groups or more are also scored one by one.
            ``None`` keeps all.
        oracle: What to replace by the truth, before any predictions are left out.

    Returns:
        The report.

    Raises:
        ValueError: If the thresholds cannot be used.
    """
    detections = predictions.detections
    video_indices = {name: index for index, name in enumerate(dict.fromkeys([*detections, *videos]))}
    category_indices = {name: index for index, name in enumerate(predictions.categories)}
    given = table_from_detections(list(detections.values()), [video_indices[name] for name in detections])
    targets = [video.as_targets(category_indices) for video in videos.values()]
    truth = table_from_detections(targets, [video_indices[name] for name in videos])
    # The oracle comes first: what was given a category that is not scored may be mended too.
    found = given if oracle is None else apply_oracle(oracle, given, truth)
    labels = {name: [category_indices[one] for one in names] for name, names in (groups or {}).items()}
    if labels:
        scored = [label for one in labels.values() for label in one]
        given, found = (table.rows(np.isin(table.labels, scored)) for table in (given, found))
    precisions = average_precisions(found, truth, thresholds)
    report: EvaluationReport = {} if oracle is None else {"oracle": oracle}
    report |= {
        "mAP": _mean_precisions(precisions),
        "videos": sum(bool(video.instances) for video in videos.values()),
        "instances": len(truth.videos),
        "predictions": len(given.videos),
        "unknown_videos": len(np.setdiff1d(given.videos, [video_indices[name] for name in videos])),
        "per_class_AP": _per_class(precisions, predictions.categories),
    }
    if proposals:
        recalls = proposal_recalls(found, truth, thresholds)
        values = enumerate(recalls.average_recalls.tolist(), start=1)
        report["AR@AN"] = {str(number): recall for number, recall in values}
        report["AUC"] = recalls.area_under_curve
    if len(labels) > 1:
        parts = {
            name: _group_report(found, truth, precisions, one, proposals=proposals) for name, one in labels.items()
        }
        report["groups"] = {**parts, HARMONIC_MEAN: _harmonic_means(list(parts.values()))}
    return report


def _category_file(categories: Path) -> Path:
    """Return the file itself, or that of the shipped split whose name it is."""
    is_name = not categories.exists() and not categories.suffix and categories.name == str(categories)
    return split_path(categories.name) if is_name else categories


def _read_groups(path: Path, group: str | None) -> dict[str, list[str]]:
    """Return one group of categories, or all of a file."""
    groups = read_category_groups(path) if group is None else {group: read_categories(path, group)}
    if group is None and HARMONIC_MEAN in groups:
        raise AnnotationError(f"{path}: a group is named {HARMONIC_MEAN!r}, which is a key of the report; rename it")
    return groups


def _check_instances(videos: Mapping[str, AnnotatedVideo], subset: str, groups: CategoryGroups) -> None:
    """Refuse ground truth without anything to find, in all or in one of the groups."""
    labels = set(list_categories(videos))
    if not labels:
        raise AnnotationError(f"the subset {subset!r} has no instance; choose an annotated subset")
    for name, names in groups.items():
        if labels.isdisjoint(names):
            raise AnnotationError(f"the subset {subset!r} has no instance of the group {name!r}; choose another group")


def _group_report(
    found: SegmentTable,
    truth: SegmentTable,
    precisions: AveragePrecisions,
    labels: Collection[int],
    *,
    proposals: bool,
) -> GroupReport:
    """Return the scores of one group of categories."""
    proposed, instances = group_proposals(found, truth, labels)
    report: GroupReport = {"mAP": _mean_precisions(group_precisions(precisions, labels))}
    if proposals:
        report["AUC"] = proposal_recalls(proposed, instances, precisions.thresholds).area_under_curve
    return report | {"videos": len(np.unique(instances.videos)), "instances": len(instances.videos)}


def _harmonic_means(groups: Sequence[GroupReport]) -> GroupReport:
    """Return the harmonic mean over groups of each of their scores."""
    thresholds = groups[0]["mAP"]
    report: GroupReport = {"mAP": {name: harmonic_mean([one["mAP"][name] for one in groups]) for name in thresholds}}
    if "AUC" in groups[0]:
        report["AUC"] = harmonic_mean([one["AUC"] for one in groups])
    return report


def _mean_precisions(precisions: AveragePrecisions) -> dict[str, float]:
    """Return the means over categories by the name of their threshold, and their average."""
    return _by_threshold(precisions.thresholds, precisions.means.tolist(), precisions.average)


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
