"""Instances grouped by length, by coverage of their video, and by number of the same category in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from aher_lightning.metrics.functional.segment_table import FloatArray, IntArray, SegmentTable

_BUCKET_NAMES = ("XS", "S", "M", "L", "XL")
"""Names of buckets in ascending order; of fewer than five, the first ones are used."""

_QUANTILES = (0.2, 0.4, 0.6, 0.8)
"""Edges of five buckets with equally many instances."""


@dataclass(frozen=True)
class BucketEdges:
    """Upper edges of the buckets of each characteristic, inclusive; the last bucket is unbounded.

    Args:
        length_sec: Edges of length, in seconds.
        coverage: Edges of the fraction of the video, in ``[0, 1]``.
        count: Edges of the number of instances of the same label in the same video.

    Raises:
        ValueError: If edges do not ascend, or there are more than four.
    """

    length_sec: tuple[float, ...]
    coverage: tuple[float, ...]
    count: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("length_sec", "coverage", "count"):
            edges = getattr(self, name)
            if len(edges) >= len(_BUCKET_NAMES) or not all(low < high for low, high in pairwise(edges)):
                raise ValueError(f"{name} must be at most {len(_BUCKET_NAMES) - 1} ascending edges; got {list(edges)}")


ACTIVITYNET_EDGES = BucketEdges((30.0, 60.0, 120.0, 180.0), (0.2, 0.4, 0.6, 0.8), (1, 4, 8))
"""Buckets for ActivityNet, as in arXiv:1807.10706."""

THUMOS14_EDGES = BucketEdges((3.0, 6.0, 12.0, 18.0), (0.02, 0.04, 0.06, 0.08), (1, 40, 80))
"""Buckets for THUMOS14, with its many short actions per video, by the method of arXiv:1807.10706."""


@dataclass(frozen=True)
class Characteristics:
    """What instances are grouped by.

    Args:
        length_sec: Length in seconds, ``(G,)``.
        coverage: Length divided by the duration of the video, ``(G,)``.
        count: Instances of the same label in the same video, including the instance itself, ``(G,)``.
    """

    length_sec: FloatArray
    coverage: FloatArray
    count: IntArray


class Buckets(NamedTuple):
    """The buckets of one characteristic and their instances.

    Attributes:
        names: ``XS`` to ``XL``, ascending.
        ranges: Their ranges of values in words; edges to three digits.
        places: Bucket of each instance, ``(G,)``.
    """

    names: tuple[str, ...]
    ranges: tuple[str, ...]
    places: IntArray


def characterize_instances(ground_truth: SegmentTable, durations_sec: FloatArray) -> Characteristics:
    """Return length, coverage and count of each instance.

    Args:
        ground_truth: Instances of all videos, G rows.
        durations_sec: Duration of the video of each instance, in seconds, ``(G,)``.

    Raises:
        ValueError: If there is not one positive duration per instance.

    Example:
        >>> two = np.array([0, 0])
        >>> truth = SegmentTable(two, np.array([[0.0, 10.0], [20.0, 25.0]]), np.ones(2), two)
        >>> characterize_instances(truth, np.array([50.0, 50.0])).coverage
        array([0.2, 0.1])
    """
    if durations_sec.shape != ground_truth.videos.shape or not (durations_sec > 0).all():
        raise ValueError(
            f"durations_sec must be a positive number for each of {len(ground_truth.videos)} instances; got "
            f"{durations_sec.size} numbers, the smallest of them {durations_sec.min(initial=np.inf):g}"
        )
    length_sec = ground_truth.segments[:, 1] - ground_truth.segments[:, 0]
    kinds = np.stack([ground_truth.videos, ground_truth.labels], axis=1)
    _, kind, counts = np.unique(kinds, axis=0, return_inverse=True, return_counts=True)
    return Characteristics(length_sec, length_sec / durations_sec, counts[kind.reshape(-1)])


def quantile_edges(characteristics: Characteristics, count: tuple[int, ...] = ACTIVITYNET_EDGES.count) -> BucketEdges:
    """Return edges for data of another scale: buckets of length and coverage with a fifth of the instances each.

    Each edge is the value of an instance. Equal edges are merged, and an edge at the maximum is dropped: there may be
    fewer than five buckets, but none of length or coverage is empty.

    Args:
        characteristics: Length and coverage of all instances.
        count: Edges of the number of instances, which quantiles do not suit: it is often 1.

    Example:
        >>> lengths = np.array([1.0, 1.0, 1.0, 2.0, 3.0, 4.0])
        >>> quantile_edges(Characteristics(lengths, np.ones(6), np.ones(6, dtype=np.int64)))
        BucketEdges(length_sec=(1.0, 2.0, 3.0), coverage=(), count=(1, 4, 8))
    """
    return BucketEdges(_quantiles(characteristics.length_sec), _quantiles(characteristics.coverage), count)


def sort_into_buckets(characteristics: Characteristics, edges: BucketEdges) -> dict[str, Buckets]:
    """Return the bucket of each instance, for each characteristic: ``length``, ``coverage``, ``count``.

    Each bucket includes its upper edge and not its lower one; the first one also includes 0.
    """
    percent = tuple(100 * edge for edge in edges.coverage)
    return {
        "length": _buckets(characteristics.length_sec, edges.length_sec, _ranges(edges.length_sec, " s")),
        "coverage": _buckets(characteristics.coverage, edges.coverage, _ranges(percent, " %")),
        "count": _buckets(characteristics.count, edges.count, _count_ranges(edges.count)),
    }


def _buckets(values: FloatArray | IntArray, edges: tuple[float, ...], ranges: tuple[str, ...]) -> Buckets:
    """Sort values into the buckets between edges."""
    places = np.searchsorted(np.array(edges, dtype=np.float64), values, side="left")
    return Buckets(_BUCKET_NAMES[: len(ranges)], ranges, places)


def _ranges(edges: tuple[float, ...], unit: str) -> tuple[str, ...]:
    """Return the ranges between edges of a measured quantity, in words."""
    if not edges:
        return ("all",)
    numbers = [f"{float(f'{edge:.3g}'):g}" for edge in edges]
    between = [f"{low} to {high}{unit}" for low, high in pairwise(numbers)]
    return (f"up to {numbers[0]}{unit}", *between, f"over {numbers[-1]}{unit}")


def _count_ranges(edges: tuple[int, ...]) -> tuple[str, ...]:
    """Return the ranges between edges of a count, which is at least 1, in words."""
    if not edges:
        return ("all",)
    between = [f"{low + 1} to {high}" if high > low + 1 else f"{high}" for low, high in pairwise((0, *edges))]
    return (*between, f"over {edges[-1]}")


def _quantiles(values: FloatArray) -> tuple[float, ...]:
    """Return values that divide the others into parts of the same size, or fewer parts where values are equal."""
    if not len(values):
        return ()
    edges = set(np.quantile(values, _QUANTILES, method="inverted_cdf").tolist())
    return tuple(sorted(edge for edge in edges if edge < values.max()))
