"""Ground truth and predictions that are written down in a line, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.annotations.video_selection import list_categories
from aher_lightning.evaluation.ground_truth import CategoryGroups, GroundTruth
from aher_lightning.reports.predictions.reader import Predictions
from tests.helpers.metric_cases import detections

Span = tuple[str, float, float]
Found = tuple[str, float, float, float]


def truth_of(
    videos: Mapping[str, Sequence[Span]],
    *,
    extra: Sequence[str] = (),
    groups: CategoryGroups | None = None,
    excluded: Sequence[str] = (),
) -> GroundTruth:
    """Return ground truth of (label, start, end) in videos of 100 s; the categories are those that occur, and more."""
    annotated = {
        name: AnnotatedVideo(name, "validation", 100.0, tuple(Instance(*span) for span in spans))
        for name, spans in videos.items()
    }
    categories = [*list_categories(annotated), *extra]
    return GroundTruth(annotated, "validation", categories, groups or {}, [], frozenset(excluded), len(excluded))


def predictions_of(truth: GroundTruth, videos: Mapping[str, Sequence[Found]]) -> Predictions:
    """Return predictions of (label, score, start, end)."""
    found = {
        name: detections(
            [span[2:] for span in spans],
            [span[1] for span in spans],
            [truth.categories.index(span[0]) for span in spans],
        )
        for name, spans in videos.items()
    }
    return Predictions(found, truth.categories)
