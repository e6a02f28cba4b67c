"""State shared by the metrics that compare detections with instances over all videos of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from aher_lightning.metrics.functional.segment_table import (
    IntArray,
    SegmentTable,
    concatenated_ranges,
    table_from_detections,
)
from aher_lightning.metrics.plotting import Plot, Scores, draw_bars, draw_history
from aher_lightning.structures import Detections


class VideoTables(NamedTuple):
    """All collected videos, by ascending video number.

    Attributes:
        predictions: Detections; those of one video in the order given.
        ground_truth: Instances.
        num_videos: Number of distinct videos.
    """

    predictions: SegmentTable
    ground_truth: SegmentTable
    num_videos: int


_EMPTY_STATES: dict[str, Tensor] = {
    "videos": torch.empty(0, dtype=torch.int64),
    "prediction_counts": torch.empty(0, dtype=torch.int64),
    "prediction_segments": torch.empty((0, 2), dtype=torch.float64),
    "prediction_scores": torch.empty(0, dtype=torch.float64),
    "prediction_labels": torch.empty(0, dtype=torch.int64),
    "instance_counts": torch.empty(0, dtype=torch.int64),
    "instance_segments": torch.empty((0, 2), dtype=torch.float64),
    "instance_labels": torch.empty(0, dtype=torch.int64),
}


class PerVideoMetric(Metric):
    """Base class of metrics that collect detections and instances by video.

    The result depends on the set of videos only. Samplers repeat videos to give every process equally many: of a
    repeated video, on one process or several, one occurrence counts. Neither the order of the updates nor the
    distribution over processes matters. Numbers are kept in float64, whatever the precision of the module, so that the
    result equals that of a prediction file with the same content to the last bit.

    Metrics of this kind may share one ``MetricCollection``, which then collects once for all of them. A module
    logs their results: ``self.log_dict(self.metric.compute())``.

    Args:
        **kwargs: Arguments of :class:`torchmetrics.Metric`, such as ``sync_on_compute``.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        for name in _EMPTY_STATES:
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(
        self,
        predictions: Sequence[Detections],
        targets: Sequence[Detections],
        video_ids: Sequence[int] | Sequence[str],
    ) -> None:
        """Add videos.

        Args:
            predictions: Detections of each video, in seconds; equal scores rank in the order given.
            targets: Instances of each video, in seconds; scores are ignored.
            video_ids: A number or a name per video that is the same on every process and in every repetition. Between
                videos, equal scores rank by the number; with names, in a fixed order that differs from that of a
                prediction file.

        Raises:
            ValueError: If the three differ in length, or a record has fields of different length.
        """
        if not len(predictions) == len(targets) == len(video_ids):
            lengths = f"{len(predictions)}, {len(targets)} and {len(video_ids)}"
            raise ValueError(f"predictions, targets and video_ids must have equal lengths, but have {lengths}")
        for one in (*predictions, *targets):
            _check_shapes(one)
        numbers = [_video_number(video_id) for video_id in video_ids]
        found, truth = table_from_detections(predictions, numbers), table_from_detections(targets, numbers)
        columns = {
            "videos": torch.tensor(numbers, dtype=torch.int64),
            "prediction_counts": torch.tensor([len(one.scores) for one in predictions], dtype=torch.int64),
            "prediction_segments": torch.from_numpy(found.segments),
            "prediction_scores": torch.from_numpy(found.scores),
            "prediction_labels": torch.from_numpy(found.labels),
            "instance_counts": torch.tensor([len(one.scores) for one in targets], dtype=torch.int64),
            "instance_segments": torch.from_numpy(truth.segments),
            "instance_labels": torch.from_numpy(truth.labels),
        }
        for name, column in columns.items():
            getattr(self, name).append(column.to(self.device))

    def sync(
        self,
        dist_sync_fn: Callable[..., list[Tensor]] | None = None,
        process_group: object | None = None,
        should_sync: bool = True,
        distributed_available: Callable[..., bool] | None = None,
    ) -> None:
        """Gather the states as :meth:`torchmetrics.Metric.sync` does, including processes without any video."""
        for name, empty in _EMPTY_STATES.items():
            # torchmetrics would send an empty float32 vector, which the other processes do not expect.
            if isinstance(getattr(self, name), list) and not getattr(self, name):
                setattr(self, name, [empty.to(self.device)])
        super().sync(dist_sync_fn, process_group, should_sync, distributed_available)

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        """Move to another device without a change of types: rounding would change ranks."""

        def move(state: Tensor) -> Tensor:
            return state.to(fn(state).device)

        module: nn.Module = super()._apply(move, exclude_state)
        return module

    def plot(self, val: Scores | Sequence[Scores] | None = None, ax: Axes | None = None) -> Plot:
        """Draw results, as torchmetrics does.

        Args:
            val: Result of :meth:`compute` or ``forward``, or a list of them, earliest first; ``None`` computes.
            ax: Axes to draw into; ``None`` for a new figure.
        """
        return self._draw(self.compute() if val is None else val, ax)

    def _draw(self, values: Scores | Sequence[Scores], axes: Axes | None) -> Plot:
        """Draw one result as bars, or the summaries of several (scores of no single tIoU or AN) as a history."""
        return draw_bars(values, axes) if isinstance(values, Mapping) else draw_history(values, axes)

    def tables(self) -> VideoTables:
        """Return all collected videos, each once."""
        columns = {name: self._column(name) for name in _EMPTY_STATES}
        videos, chosen = np.unique(columns["videos"].numpy(), return_index=True)
        tables = []
        for kind in ("prediction", "instance"):
            counts = columns[f"{kind}_counts"].numpy()
            rows = _rows_of(counts, chosen)
            segments, labels = columns[f"{kind}_segments"].numpy()[rows], columns[f"{kind}_labels"].numpy()[rows]
            scores = columns["prediction_scores"].numpy()[rows] if kind == "prediction" else np.ones(len(rows))
            tables.append(SegmentTable(np.repeat(videos, counts[chosen]), segments, scores, labels))
        return VideoTables(tables[0], tables[1], len(videos))

    def scalars(self, values: Mapping[str, float]) -> dict[str, Tensor]:
        """Return numbers as float64 scalars on the device of the metric."""
        return {key: torch.tensor(value, dtype=torch.float64, device=self.device) for key, value in values.items()}

    def _column(self, name: str) -> Tensor:
        """Return a state as one tensor on the CPU, gathered or not."""
        state: Tensor | list[Tensor] = getattr(self, name)
        joined = dim_zero_cat(state) if isinstance(state, Tensor) or state else _EMPTY_STATES[name]
        return joined.cpu()


def _video_number(video_id: int | str) -> int:
    """Return a number unchanged, and a fixed number for a name, as states hold numbers only."""
    if not isinstance(video_id, str):
        return int(video_id)
    # 62 bits: among a million names, the chance of a collision is one in ten million.
    return int.from_bytes(hashlib.sha256(video_id.encode("utf-8", "surrogatepass")).digest()[:8], "big") >> 2


def _rows_of(counts: IntArray, chosen: IntArray) -> IntArray:
    """Return the rows of the chosen groups of consecutive rows."""
    first = np.cumsum(counts) - counts
    return concatenated_ranges(first[chosen], counts[chosen])


def _check_shapes(one: Detections) -> None:
    """Refuse a record whose fields differ in length."""
    if one.scores.ndim != 1 or one.segments.shape != (len(one.scores), 2) or one.labels.shape != one.scores.shape:
        shapes = f"{tuple(one.segments.shape)}, {tuple(one.scores.shape)} and {tuple(one.labels.shape)}"
        raise ValueError(f"segments, scores and labels must have shapes (N, 2), (N,) and (N,), but have {shapes}")
