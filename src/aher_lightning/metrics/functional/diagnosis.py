"""Diagnosis of a detector: which errors it makes, what they cost, and which instances it misses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from aher_lightning.metrics.functional.category_ranks import ranks_in_instances
from aher_lightning.metrics.functional.detection_matching import Matches, match_predictions
from aher_lightning.metrics.functional.error_impact import count_types, precisions_without_errors
from aher_lightning.metrics.functional.error_types import PredictionType, classify_predictions
from aher_lightning.metrics.functional.groups import group_precisions
from aher_lightning.metrics.functional.instance_buckets import (
    BucketEdges,
    Buckets,
    characterize_instances,
    sort_into_buckets,
)
from aher_lightning.metrics.functional.segment_table import BoolArray, FloatArray, IntArray, SegmentTable
from aher_lightning.metrics.functional.sensitivity import missed_instances, normalized_precisions
from aher_lightning.metrics.functional.temporal_map import AveragePrecisions, matched_precisions
from aher_lightning.ops.thresholds import check_thresholds, threshold_name


class BucketDiagnosis(NamedTuple):
    """How well the instances of one bucket are found.

    Attributes:
        name: ``XS`` to ``XL``.
        range_text: Its range of values, in words.
        num_instances: Number of instances.
        normalized_map: mAP_N, mean over thresholds and the categories with an instance in it; nan if empty.
        missed: Fraction of its instances that is missed; nan if empty.
    """

    name: str
    range_text: str
    num_instances: int
    normalized_map: float
    missed: float


class Diagnosis(NamedTuple):
    """Errors of a detector on some categories.

    Attributes:
        num_instances: Number of instances.
        average_map: mAP, mean over the thresholds; nan without instances, as all below but the counts.
        gains: Increase of ``average_map`` without the errors of each type; not negative.
        type_counts: Predictions of each type among the ``k * G`` best of each category with G instances, cumulative:
            k from 1 in rows, :class:`PredictionType` in columns, ``(max_multiple, 6)``.
        normalized_map: mAP_N, mean over the thresholds.
        missed: Fraction of the instances that the ``max_multiple * G`` best predictions of their category miss.
        buckets: Buckets of instances, ascending, by characteristic: ``length``, ``coverage``, ``count``.
    """

    num_instances: int
    average_map: float
    gains: dict[PredictionType, float]
    type_counts: IntArray
    normalized_map: float
    missed: float
    buckets: dict[str, tuple[BucketDiagnosis, ...]]


class Diagnoses(NamedTuple):
    """Errors of a detector on all categories and on groups of them.

    Attributes:
        thresholds: tIoU thresholds that ``average_map``, ``gains`` and ``normalized_map`` are means over.
        threshold: tIoU threshold of ``type_counts`` and ``missed``.
        overall: Errors on all categories.
        groups: Errors on each group, by name.
    """

    thresholds: tuple[float, ...]
    threshold: float
    overall: Diagnosis
    groups: dict[str, Diagnosis]


class _Subset(NamedTuple):
    """A subset of the instances, ``(G,)``, and their average precisions."""

    name: str
    range_text: str
    members: BoolArray
    precisions: AveragePrecisions


class _Evidence(NamedTuple):
    """What is computed once for all groups."""

    predictions: SegmentTable
    ground_truth: SegmentTable
    precisions: AveragePrecisions
    precisions_without: dict[PredictionType, AveragePrecisions]
    types: IntArray
    ranks: IntArray
    is_missed: BoolArray
    everything: _Subset
    buckets: dict[str, tuple[_Subset, ...]]


def diagnose(
    predictions: SegmentTable,
    ground_truth: SegmentTable,
    *,
    durations_sec: FloatArray,
    edges: BucketEdges,
    thresholds: Sequence[float] | None = None,
    threshold: float = 0.5,
    max_multiple: int = 10,
    groups: Mapping[str, Collection[int]] | None = None,
) -> Diagnoses:
    """Return error types, what they cost, and which instances are found well or missed.

    The parts are documented where they are computed: :func:`classify_predictions`, :func:`count_types`,
    :func:`precisions_without_errors`, :func:`normalized_precisions`, :func:`missed_instances`. A group has the
    predictions and instances of its categories. Which instance a prediction overlaps is decided among all
    instances, and precision is normalized by the mean number over all categories, so that groups can be compared.

    Implements "Diagnosing Error in Temporal Action Detectors" (H. Alwassel et al., ECCV 2018), arXiv:1807.10706.
    Differs in that gains are those of the mAP over all predictions, without normalization.

    Args:
        predictions: Detections of all videos; those of categories without ground truth are ignored.
        ground_truth: Instances of all videos, G rows.
        durations_sec: Duration of the video of each instance, in seconds, ``(G,)``.
        edges: Edges of the buckets.
        thresholds: tIoU thresholds in ``(0, 1]`` to average over; ``None`` for 0.5:0.05:0.95.
        threshold: tIoU threshold at which errors are classified and instances are found or missed.
        max_multiple: Predictions that are counted per instance, in each category.
        groups: Categories of each group, by name; those without ground truth are ignored.

    Raises:
        ValueError: If thresholds, durations or ``max_multiple`` are invalid.

    Example:
        >>> from aher_lightning.metrics.functional.instance_buckets import ACTIVITYNET_EDGES
        >>> truth = SegmentTable(np.array([0]), np.array([[0.0, 10.0]]), np.ones(1), np.array([3]))
        >>> late = truth._replace(segments=np.array([[5.0, 15.0]]))
        >>> found = diagnose(late, truth, durations_sec=np.array([60.0]), edges=ACTIVITYNET_EDGES).overall
        >>> int(found.type_counts[0, PredictionType.LOCALIZATION]), found.missed, found.buckets["length"][0].range_text
        (1, 1.0, 'up to 30 s')
    """
    if max_multiple < 1:
        raise ValueError(f"max_multiple must be 1 or more; got {max_multiple}")
    values = check_thresholds(thresholds)
    names = [threshold_name(value) for value in values]
    # Thresholds are compared by name: the 0.9 of 0.5:0.05:0.95 is the float below 0.9.
    is_averaged = threshold_name(threshold) in names
    row = names.index(threshold_name(threshold)) if is_averaged else len(values)
    buckets = sort_into_buckets(characterize_instances(ground_truth, durations_sec), edges)
    matches = match_predictions(
        predictions, ground_truth, values if is_averaged else values + check_thresholds([threshold])
    )
    evidence = _gather(matches, ground_truth, buckets, len(values), row, max_multiple)
    return Diagnoses(
        thresholds=values,
        threshold=matches.thresholds[row],
        overall=_diagnose_group(evidence, ground_truth.labels, max_multiple),
        groups={
            name: _diagnose_group(evidence, np.array(list(labels), dtype=np.int64), max_multiple)
            for name, labels in (groups or {}).items()
        },
    )


def _gather(
    matches: Matches,
    ground_truth: SegmentTable,
    buckets: Mapping[str, Buckets],
    num_averaged: int,
    row: int,
    max_multiple: int,
) -> _Evidence:
    """Compute what groups share; means are over the first ``num_averaged`` thresholds, counts at that of ``row``."""
    types = classify_predictions(matches, ground_truth)
    ranks = ranks_in_instances(matches, ground_truth)
    num_instances = len(ground_truth.videos)
    averaged = matches._replace(
        thresholds=matches.thresholds[:num_averaged], instances=matches.instances[:num_averaged]
    )
    everything = np.ones((1, num_instances), dtype=np.bool_)
    return _Evidence(
        predictions=matches.ranked,
        ground_truth=ground_truth,
        precisions=matched_precisions(averaged, ground_truth),
        precisions_without=precisions_without_errors(averaged, types[:num_averaged], ground_truth),
        types=types[row],
        ranks=ranks,
        is_missed=missed_instances(matches.instances[row], ranks, num_instances, max_multiple),
        everything=_Subset("", "", everything[0], normalized_precisions(averaged, ground_truth, everything)[0]),
        buckets={name: _bucket_subsets(averaged, ground_truth, one) for name, one in buckets.items()},
    )


def _bucket_subsets(matches: Matches, ground_truth: SegmentTable, buckets: Buckets) -> tuple[_Subset, ...]:
    """Return the instances of each bucket of one characteristic."""
    members = buckets.places == np.arange(len(buckets.names))[:, None]  # (S, G)
    precisions = normalized_precisions(matches, ground_truth, members)
    return tuple(map(_Subset, buckets.names, buckets.ranges, members, precisions))


def _diagnose_group(evidence: _Evidence, labels: IntArray, max_multiple: int) -> Diagnosis:
    """Return the diagnosis of some categories: their counts, and means over them."""
    chosen = np.unique(labels)
    average = group_precisions(evidence.precisions, chosen.tolist()).average
    gains = {
        kind: group_precisions(one, chosen.tolist()).average - average
        for kind, one in evidence.precisions_without.items()
    }
    is_predicted = np.isin(evidence.predictions.labels, chosen)
    everything = _diagnose_subset(evidence, evidence.everything, chosen)
    return Diagnosis(
        num_instances=everything.num_instances,
        average_map=average,
        gains=gains,
        type_counts=count_types(evidence.types[is_predicted], evidence.ranks[is_predicted], max_multiple),
        normalized_map=everything.normalized_map,
        missed=everything.missed,
        buckets={
            characteristic: tuple(_diagnose_subset(evidence, subset, chosen) for subset in subsets)
            for characteristic, subsets in evidence.buckets.items()
        },
    )


def _diagnose_subset(evidence: _Evidence, subset: _Subset, labels: IntArray) -> BucketDiagnosis:
    """Return how well the instances of some categories in a subset are found."""
    members = subset.members & np.isin(evidence.ground_truth.labels, labels)
    count = int(members.sum())
    return BucketDiagnosis(
        name=subset.name,
        range_text=subset.range_text,
        num_instances=count,
        normalized_map=group_precisions(subset.precisions, labels.tolist()).average,
        missed=float(evidence.is_missed[members].mean()) if count else float("nan"),
    )
