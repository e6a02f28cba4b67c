"""Evaluation protocols: named sets of scoring rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from aher_lightning.annotations.thumos14 import AMBIGUOUS
from aher_lightning.metrics.functional.instance_buckets import ACTIVITYNET_EDGES, THUMOS14_EDGES, BucketEdges
from aher_lightning.ops.thresholds import ACTIVITYNET_THRESHOLDS, check_thresholds, threshold_name

ProtocolName = Literal["activitynet", "thumos14"]
"""Names of the available protocols."""

_DIAGNOSED_THRESHOLD = 0.5
"""tIoU of the diagnosis, if it is among the thresholds; from the paper of the method."""


@dataclass(frozen=True)
class Protocol:
    """The rules behind a score.

    Args:
        name: Name, with all changes.
        subset: Default subset to evaluate.
        thresholds: tIoU thresholds of mAP.
        recall_thresholds: tIoU thresholds of AR@AN and AUC.
        max_average_number: Largest AN; AR is computed at its 100 even fractions.
        excluded_categories: Categories whose instances and predictions are excluded.
        edges: Buckets of length, coverage and count in a diagnosis.
        class_agnostic: Whether all categories count as one.
    """

    name: str
    subset: str
    thresholds: tuple[float, ...]
    recall_thresholds: tuple[float, ...]
    max_average_number: int
    excluded_categories: tuple[str, ...]
    edges: BucketEdges
    class_agnostic: bool = False

    @property
    def diagnosed_threshold(self) -> float:
        """Return the tIoU of the diagnosis: 0.5 if that is among the thresholds, else the lowest of them."""
        return _DIAGNOSED_THRESHOLD if _DIAGNOSED_THRESHOLD in self.thresholds else min(self.thresholds)

    def changed(self, *, thresholds: Sequence[float] | None = None, class_agnostic: bool = False) -> Protocol:
        """Return the protocol with other rules, and a name that says so.

        Args:
            thresholds: tIoU thresholds of both mAP and AR; ``None`` keeps the present ones.
            class_agnostic: Whether all categories count as one.

        Raises:
            ValueError: If the thresholds are invalid.

        Example:
            >>> PROTOCOLS["activitynet"].changed(thresholds=[0.5, 0.75]).name
            'activitynet (tIoU 0.50, 0.75)'
        """
        result = self
        if thresholds is not None:
            values = check_thresholds(thresholds)
            result = replace(result, thresholds=values, recall_thresholds=values)
            result = result._named("tIoU " + ", ".join(map(threshold_name, values)))
        if class_agnostic:
            result = replace(result, class_agnostic=True)._named("class-agnostic")
        return result

    def of_categories(self, groups: Sequence[str]) -> Protocol:
        """Return the protocol with a name that says which categories are scored.

        Scores depend on the choice beyond the instances: predictions of all other categories are excluded.

        Args:
            groups: Names of the scored groups; empty if all are scored. The group of a plain list has no name.

        Example:
            >>> PROTOCOLS["activitynet"].of_categories(["untrimmed", "moment"]).name
            'activitynet (categories: untrimmed, moment)'
        """
        if not groups:
            return self
        return self._named(f"categories: {', '.join(name or 'a list' for name in groups)}")

    def _named(self, change: str) -> Protocol:
        """Return the protocol with one more change in its name."""
        name = f"{self.name[:-1]}; {change})" if self.name.endswith(")") else f"{self.name} ({change})"
        return replace(self, name=name)


PROTOCOLS: Mapping[ProtocolName, Protocol] = {
    "activitynet": Protocol(
        name="activitynet",
        subset="validation",
        thresholds=ACTIVITYNET_THRESHOLDS,
        recall_thresholds=ACTIVITYNET_THRESHOLDS,
        max_average_number=100,
        excluded_categories=(),
        edges=ACTIVITYNET_EDGES,
    ),
    "thumos14": Protocol(
        name="thumos14",
        subset="test",
        thresholds=tuple(np.linspace(0.3, 0.7, 5).tolist()),
        recall_thresholds=tuple(np.linspace(0.5, 1.0, 11).tolist()),
        max_average_number=1000,
        excluded_categories=(AMBIGUOUS,),
        edges=THUMOS14_EDGES,
    ),
}
"""ActivityNet as in its official evaluators; THUMOS14 as most papers report it.

ActivityNet: mAP and AR at 0.5:0.05:0.95. THUMOS14: mAP at 0.3:0.1:0.7, AR at 0.5:0.05:1.0 up to 1,000 proposals per
video, without the instances that are annotated as ambiguous: they are nothing to find, and a prediction there is as
wrong as anywhere else.
"""
