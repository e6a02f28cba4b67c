"""Matching of predictions with instances: the basis of precision, recall and diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aher_lightning.metrics.functional.segment_table import IntArray, SegmentPairs, SegmentTable, pair_segments
from aher_lightning.ops.thresholds import check_thresholds

UNMATCHED = -1
"""Row of the instance of a prediction that found none."""


class Matches(NamedTuple):
    """The instance that each prediction found at each tIoU threshold.

    Attributes:
        thresholds: tIoU thresholds, H of them.
        ranked: Predictions of categories that occur in the ground truth, best score first, N rows.
        rows: Their rows among the given predictions, ``(N,)``.
        instances: Row of the instance that each found, ``UNMATCHED`` for none, ``(H, N)``.
    """

    thresholds: tuple[float, ...]
    ranked: SegmentTable
    rows: IntArray
    instances: IntArray


def match_predictions(
    predictions: SegmentTable, ground_truth: SegmentTable, thresholds: Sequence[float] | None = None
) -> Matches:
    """Return which instance each prediction finds by the rules of the official ActivityNet evaluator.

    Predictions are visited by descending score, those of equal score in the order of their rows. Each takes the
    free instance of its video and category with the highest tIoU, if that reaches the threshold; of several equal
    ones the first.

    Args:
        predictions: Detections of all videos.
        ground_truth: Instances of all videos.
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` for 0.5:0.05:0.95.

    Raises:
        ValueError: If the thresholds are invalid.

    Example:
        >>> one = np.array([0])
        >>> truth = SegmentTable(one, np.array([[0.0, 10.0]]), np.ones(1), one)
        >>> match_predictions(truth._replace(segments=np.array([[0.0, 6.0]])), truth, [0.5, 0.75]).instances
        array([[ 0],
               [-1]])
    """
    values = check_thresholds(thresholds)
    rows = np.argsort(-predictions.scores, kind="stable")
    rows = rows[np.isin(predictions.labels[rows], ground_truth.labels)]
    ranked = predictions.rows(rows)
    pairs = pair_segments(ranked, ground_truth, same_label=True, min_temporal_iou=min(values))
    pairs = pairs.rows(np.lexsort((-pairs.temporal_ious, pairs.predictions)))
    instances = np.full((len(values), len(rows)), UNMATCHED)
    for row, threshold in enumerate(values):
        owners = _owners(pairs, threshold, len(ground_truth.labels))
        is_found = owners != UNMATCHED
        instances[row, owners[is_found]] = np.flatnonzero(is_found)
    return Matches(values, ranked, rows, instances)


def _owners(pairs: SegmentPairs, threshold: float, num_instances: int) -> IntArray:
    """Return the prediction that gets each instance when they choose one after another, best score first, ``(G,)``.

    All choose at once instead, and an instance chosen twice goes to the earlier prediction; the others move on
    to their next choice. As every instance ranks the predictions alike, there is one stable outcome, the same
    as one after another (D. Gale, L. Shapley, "College Admissions and the Stability of Marriage", 1962).
    """
    is_close = pairs.temporal_ious >= threshold
    chooser, choice = pairs.predictions[is_close], pairs.instances[is_close]
    predictions, cursor, counts = np.unique(chooser, return_index=True, return_counts=True)
    end = cursor + counts
    unowned = len(predictions)
    owner = np.full(num_instances, unowned)
    waiting = np.arange(unowned)
    while len(waiting):
        wanted = choice[cursor[waiting]]
        earlier_owner = owner[wanted]
        np.minimum.at(owner, wanted, waiting)
        is_displaced = (earlier_owner != unowned) & (earlier_owner != owner[wanted])
        refused = waiting[owner[wanted] != waiting]
        losers = np.concatenate([refused, np.unique(earlier_owner[is_displaced])])
        cursor[losers] += 1
        waiting = losers[cursor[losers] < end[losers]]
    owners: IntArray = np.append(predictions, UNMATCHED)[owner]
    return owners
