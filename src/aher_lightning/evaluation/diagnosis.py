"""The diagnosis of predictions as a part of the report."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from aher_lightning.annotations.records import check_durations
from aher_lightning.evaluation.ground_truth import GroundTruth
from aher_lightning.evaluation.protocol import Protocol
from aher_lightning.evaluation.tables import EvaluationTables
from aher_lightning.files.json_files import number_or_null
from aher_lightning.metrics.functional.diagnosis import Diagnosis, diagnose
from aher_lightning.metrics.functional.error_types import PredictionType
from aher_lightning.metrics.functional.instance_buckets import characterize_instances, quantile_edges
from aher_lightning.metrics.functional.segment_table import IntArray
from aher_lightning.reports.evaluation.diagnosis import BucketReport, DiagnosisReport, ErrorReport

Buckets = Literal["protocol", "quantiles"]
"""Bucket edges: fixed by the protocol, or quintiles of the data."""


class _DiagnosisReports(NamedTuple):
    """Diagnosis of all categories, and of each group by name."""

    overall: DiagnosisReport
    groups: dict[str, DiagnosisReport]


def diagnosis_reports(
    ground_truth: GroundTruth, tables: EvaluationTables, protocol: Protocol, buckets: Buckets = "protocol"
) -> _DiagnosisReports:
    """Return error types, their cost, and how well each kind of instance is found.

    See :func:`aher_lightning.metrics.functional.diagnosis.diagnose` for the method.

    Args:
        ground_truth: Source of the durations.
        tables: Scored predictions, and instances.
        protocol: Protocol of the evaluation.
        buckets: How instances are grouped by length and coverage.

    Raises:
        AnnotationError: If the duration of a video is unknown: coverage of the video by an instance needs it.
    """
    check_durations("ground truth", ground_truth.videos.values())
    by_video = np.array([video.duration_sec for video in ground_truth.videos.values()])
    durations_sec = by_video[tables.truth.videos]
    edges = protocol.edges
    if buckets == "quantiles":
        edges = quantile_edges(characterize_instances(tables.truth, durations_sec), edges.count)
    diagnoses = diagnose(
        *tables.both,
        durations_sec=durations_sec,
        edges=edges,
        thresholds=protocol.thresholds,
        threshold=protocol.diagnosed_threshold,
        groups=tables.groups,
    )
    per_category = len(tables.truth.videos) / len(np.unique(tables.truth.labels))
    return _DiagnosisReports(
        _report(diagnoses.overall, diagnoses.threshold, per_category),
        {name: _report(one, diagnoses.threshold, per_category) for name, one in diagnoses.groups.items()},
    )


def _report(diagnosis: Diagnosis, threshold: float, instances_per_category: float) -> DiagnosisReport:
    """Return one diagnosis as JSON."""
    return {
        "tIoU": threshold,
        "mAP_N": diagnosis.normalized_map,
        "missed": diagnosis.missed,
        "instances_per_category": instances_per_category,
        "sensitivity": {
            characteristic: [
                BucketReport(
                    name=one.name,
                    range=one.range_text,
                    instances=one.num_instances,
                    mAP_N=number_or_null(one.normalized_map),
                    missed=number_or_null(one.missed),
                )
                for one in found
            ]
            for characteristic, found in diagnosis.buckets.items()
        },
        "errors": [_errors(multiple, counts) for multiple, counts in enumerate(diagnosis.type_counts, start=1)],
        "gains": {kind.name.lower(): gain for kind, gain in diagnosis.gains.items()},
    }


def _errors(multiple: int, counts: IntArray) -> ErrorReport:
    """Return the counts of each type, with the lower-case keys of JSON."""
    numbers = {kind: int(counts[kind]) for kind in PredictionType}
    return {
        "multiple": multiple,
        "predictions": sum(numbers.values()),
        "true_positive": numbers[PredictionType.TRUE_POSITIVE],
        "double_detection": numbers[PredictionType.DOUBLE_DETECTION],
        "wrong_label": numbers[PredictionType.WRONG_LABEL],
        "localization": numbers[PredictionType.LOCALIZATION],
        "confusion": numbers[PredictionType.CONFUSION],
        "background": numbers[PredictionType.BACKGROUND],
    }
