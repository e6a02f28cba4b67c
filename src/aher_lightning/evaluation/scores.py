"""The scores of predictions: what ``aher evaluate`` reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from aher_lightning.evaluation.diagnosis import Buckets, diagnosis_reports
from aher_lightning.evaluation.ground_truth import GroundTruth
from aher_lightning.evaluation.ground_truth_fingerprint import ground_truth_fingerprint
from aher_lightning.evaluation.protocol import Protocol
from aher_lightning.evaluation.tables import EvaluationTables, evaluation_tables
from aher_lightning.metrics.functional.groups import group_precisions, group_proposals, harmonic_mean
from aher_lightning.metrics.functional.oracle import Oracle, apply_oracle
from aher_lightning.metrics.functional.proposal_recall import ProposalRecalls, proposal_recalls
from aher_lightning.metrics.functional.temporal_map import AveragePrecisions, average_precisions
from aher_lightning.ops.thresholds import threshold_name
from aher_lightning.reports.evaluation.protocol import ProtocolReport
from aher_lightning.reports.evaluation.report import HARMONIC_MEAN, EvaluationReport, GroupReport, SupportReport
from aher_lightning.reports.predictions.reader import Predictions


@dataclass(frozen=True)
class ScoreOptions:
    """What to report besides mAP.

    Args:
        proposals: Also AR@AN and AUC of the predictions as class-agnostic proposals.
        oracle: What to replace by the ground truth, before predictions are excluded.
        diagnose: Also error types, their cost, and how well each kind of instance is found.
        buckets: How a diagnosis groups instances.
    """

    proposals: bool = False
    oracle: Oracle | None = None
    diagnose: bool = False
    buckets: Buckets = "protocol"


def evaluation_report(
    ground_truth: GroundTruth, predictions: Predictions, protocol: Protocol, options: ScoreOptions | None = None
) -> EvaluationReport:
    """Return the scores of predictions.

    Args:
        ground_truth: Ground truth.
        predictions: Detections; equal scores rank in their order.
        protocol: Scoring rules.
        options: What else to report; nothing by default.
    """
    options = options or ScoreOptions()
    given = evaluation_tables(ground_truth, predictions, protocol)
    # The oracle comes first: it may correct predictions of categories that are not scored.
    tables = given if options.oracle is None else given._replace(found=apply_oracle(options.oracle, *given.both))
    given, tables = given.scored_only(), tables.scored_only()
    precisions = average_precisions(*tables.both, protocol.thresholds)
    report: EvaluationReport = {} if options.oracle is None else {"oracle": options.oracle}
    report |= {
        "protocol": protocol_report(ground_truth, protocol),
        "mAP": _mean_precisions(precisions),
        "videos": sum(bool(video.instances) for video in ground_truth.videos.values()),
        "instances": len(tables.truth.videos),
        "predictions": len(given.found.videos),
        "unknown_videos": given.num_unknown_videos,
        "unknown_categories": ground_truth.unknown_categories,
        "skipped": dict(predictions.skipped),
        "per_class_AP": _per_class(precisions, tables.categories),
        "per_class_support": _per_class_support(given),
    }
    if options.proposals:
        recalls = _recalls(tables, protocol)
        report["AR@AN"] = {str(number): recall for number, recall in recalls.by_number().items()}
        report["AUC"] = recalls.area_under_curve
    if len(tables.groups) > 1:
        parts = {
            name: _group_report(tables, precisions, labels, protocol if options.proposals else None)
            for name, labels in tables.groups.items()
        }
        for name, part in parts.items():
            part["fingerprint"] = group_fingerprint(ground_truth, name)
        report["groups"] = {**parts, HARMONIC_MEAN: _harmonic_means(list(parts.values()))}
    if options.diagnose:
        diagnoses = diagnosis_reports(ground_truth, tables, protocol, options.buckets)
        report["diagnosis"] = diagnoses.overall
        for name in report.get("groups", {}).keys() & diagnoses.groups.keys():
            report["groups"][name]["diagnosis"] = diagnoses.groups[name]
    return report


def protocol_report(ground_truth: GroundTruth, protocol: Protocol) -> ProtocolReport:
    """Return everything that decides whether two scores compare."""
    return {
        "name": protocol.of_categories(list(ground_truth.groups)).name,
        "subset": ground_truth.subset,
        "thresholds": list(protocol.thresholds),
        "recall_thresholds": list(protocol.recall_thresholds),
        "class_agnostic": protocol.class_agnostic,
        "excluded_categories": list(protocol.excluded_categories),
        "blocked_videos": ground_truth.num_excluded,
        "fingerprint": ground_truth_fingerprint(ground_truth.videos.values()),
    }


def _mean_precisions(precisions: AveragePrecisions) -> dict[str, float]:
    """Return the means over categories by the name of their threshold, and their average."""
    return _by_threshold(precisions.thresholds, precisions.means.tolist(), precisions.average)


def _recalls(tables: EvaluationTables, protocol: Protocol) -> ProposalRecalls:
    """Return the recalls of proposals under a protocol."""
    return proposal_recalls(*tables.both, protocol.recall_thresholds, max_average_number=protocol.max_average_number)


def _group_report(
    tables: EvaluationTables, precisions: AveragePrecisions, labels: Collection[int], proposals: Protocol | None
) -> GroupReport:
    """Return the scores of one group of categories; with AUC if a protocol is given."""
    proposed, instances = group_proposals(*tables.both, labels)
    report: GroupReport = {"mAP": _mean_precisions(group_precisions(precisions, labels))}
    if proposals is not None:
        part = tables._replace(found=proposed, truth=instances)
        report["AUC"] = _recalls(part, proposals).area_under_curve
    return report | {"videos": len(np.unique(instances.videos)), "instances": len(instances.videos)}


def group_fingerprint(ground_truth: GroundTruth, group: str) -> str:
    """Return the fingerprint of the videos with an instance of a group, and of these instances."""
    wanted = frozenset(ground_truth.groups[group])
    videos = (
        video._replace(instances=tuple(one for one in video.instances if one.label in wanted))
        for video in ground_truth.videos.values()
    )
    return ground_truth_fingerprint(video for video in videos if video.instances)


def _harmonic_means(groups: Sequence[GroupReport]) -> GroupReport:
    """Return the harmonic mean over groups of each score."""
    thresholds = groups[0]["mAP"]
    report: GroupReport = {"mAP": {name: harmonic_mean([one["mAP"][name] for one in groups]) for name in thresholds}}
    if "AUC" in groups[0]:
        report["AUC"] = harmonic_mean([one["AUC"] for one in groups])
    return report


def _by_threshold(thresholds: Sequence[float], values: Sequence[float], average: float) -> dict[str, float]:
    """Return the values by the name of their threshold, and their average."""
    named = {threshold_name(at): value for at, value in zip(thresholds, values, strict=True)}
    return {**named, "average": average}


def _per_class(precisions: AveragePrecisions, categories: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the average precisions of each category by name."""
    names = [categories[label] for label in precisions.labels.tolist()]
    averages = precisions.values.mean(axis=0).tolist()
    columns = zip(names, precisions.values.T.tolist(), averages, strict=True)
    return {name: _by_threshold(precisions.thresholds, values, average) for name, values, average in columns}


def _per_class_support(tables: EvaluationTables) -> dict[str, SupportReport]:
    """Return the support of each category with ground truth by name."""
    num_labels = len(tables.categories)
    instances = np.bincount(tables.truth.labels, minlength=num_labels)
    predictions = np.bincount(tables.found.labels, minlength=num_labels)
    seen = np.unique(np.stack([tables.truth.labels, tables.truth.videos]), axis=1)
    videos = np.bincount(seen[0], minlength=num_labels)
    return {
        tables.categories[label]: {
            "instances": int(instances[label]),
            "videos": int(videos[label]),
            "predictions": int(predictions[label]),
        }
        for label in np.flatnonzero(instances).tolist()
    }
