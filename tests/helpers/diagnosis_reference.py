"""An independent diagnosis in plain Python, one prediction at a time, to test the vectorized one against.

Predictions and instances go by their place in the lists. Predictions of equal score rank in the order given.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from tests.helpers.metric_reference import Prediction, Truth, mean_average_precision, overlap

TYPES = ("TRUE_POSITIVE", "DOUBLE_DETECTION", "WRONG_LABEL", "LOCALIZATION", "CONFUSION", "BACKGROUND")


class ReferenceDiagnosis(NamedTuple):
    average_map: float
    gains: dict[str, float]
    type_counts: list[list[int]]
    normalized_map: float
    missed: float


class Found(NamedTuple):
    """Ranking of each category, what each prediction found there, and what type it is, by its number."""

    ranking: dict[int, list[int]]
    instance: dict[int, int | None]
    type: dict[int, str]


def find(predictions: Sequence[Prediction], truths: Sequence[Truth], threshold: float) -> Found:
    """Let the predictions of each category choose instances, best score first."""
    result = Found({truth.label: [] for truth in truths}, {}, {})
    taken: set[int] = set()
    for number in sorted(range(len(predictions)), key=lambda number: -predictions[number].score):
        one = predictions[number]
        if one.label not in result.ranking:
            continue
        choices = [
            (overlap(one.segment, truth.segment), -place, place)
            for place, truth in enumerate(truths)
            if (truth.video, truth.label) == (one.video, one.label) and place not in taken
        ]
        choices = [choice for choice in choices if choice[0] >= threshold]
        result.ranking[one.label].append(number)
        result.instance[number] = max(choices)[2] if choices else None
        if choices:
            taken.add(max(choices)[2])
        result.type[number] = "TRUE_POSITIVE" if choices else error_type(one, truths, threshold)
    return result


def error_type(one: Prediction, truths: Sequence[Truth], threshold: float) -> str:
    """Type of a prediction that found nothing."""
    near = [
        (overlap(one.segment, truth.segment), truth.label == one.label) for truth in truths if truth.video == one.video
    ]
    closest, has_label = max(near, default=(0.0, False))
    if closest >= threshold:
        return "DOUBLE_DETECTION" if has_label else "WRONG_LABEL"
    if closest >= 0.1:
        return "LOCALIZATION" if has_label else "CONFUSION"
    return "BACKGROUND"


def normalized_precision(
    ranking: Sequence[int], instance: dict[int, int | None], positives: Collection[int], usual: float
) -> float:
    """Normalized average precision of a category whose positives are some of its instances."""
    points, right, wrong = [(0.0, 0.0)], 0, 0
    for number in ranking:
        if instance[number] is None:
            wrong += 1
        elif instance[number] in positives:
            right += 1
        recall = right / len(positives)
        points.append((recall, recall * usual / (recall * usual + wrong) if right else 0.0))
    area = 0.0
    for place in range(1, len(points)):
        best = max(precision for _, precision in points[place:])
        area += (points[place][0] - points[place - 1][0]) * best
    return area


def normalized_map(found: Found, truths: Sequence[Truth], chosen: Collection[int], labels: Collection[int]) -> float:
    """Mean over the categories with a chosen instance; nan if there is none."""
    usual = len(truths) / len({truth.label for truth in truths})
    positives = {label: [place for place in chosen if truths[place].label == label] for label in labels}
    values = [
        normalized_precision(found.ranking[label], found.instance, of_label, usual)
        for label, of_label in positives.items()
        if of_label
    ]
    return mean(values)


def missed(found: Found, truths: Sequence[Truth], chosen: Collection[int], max_multiple: int) -> float:
    """Share of the chosen instances that no prediction found that is good enough."""
    seen = {
        found.instance[number]
        for label, ranking in found.ranking.items()
        for number in ranking[: max_multiple * sum(truth.label == label for truth in truths)]
    }
    return mean([float(place not in seen) for place in chosen])


def type_counts(found: Found, truths: Sequence[Truth], labels: Collection[int], max_multiple: int) -> list[list[int]]:
    """Types among the best predictions: one row per multiple of the number of instances."""
    result = []
    for multiple in range(1, max_multiple + 1):
        best = [
            found.type[number]
            for label in labels
            for number in found.ranking[label][: multiple * sum(truth.label == label for truth in truths)]
        ]
        result.append([best.count(kind) for kind in TYPES])
    return result


def reference_diagnosis(
    predictions: Sequence[Prediction],
    truths: Sequence[Truth],
    thresholds: Sequence[float],
    *,
    threshold: float,
    max_multiple: int,
    labels: Collection[int],
) -> ReferenceDiagnosis:
    """Diagnose the categories of a group, all of which occur in the ground truth."""
    founds = [find(predictions, truths, at) for at in thresholds]
    own_truths = [truth for truth in truths if truth.label in labels]
    chosen = [place for place, truth in enumerate(truths) if truth.label in labels]

    def average(left_out: str) -> float:
        """MAP over thresholds without one type: what remains is matched anew."""
        values = []
        for at, found in zip(thresholds, founds, strict=True):
            kept = [number for number in found.type if found.type[number] != left_out]
            values.append(mean_average_precision([predictions[number] for number in sorted(kept)], own_truths, at))
        return mean(values)

    single = find(predictions, truths, threshold)
    return ReferenceDiagnosis(
        average_map=average("nothing"),
        gains={kind: average(kind) - average("nothing") for kind in TYPES[1:]},
        type_counts=type_counts(single, truths, labels, max_multiple),
        normalized_map=mean([normalized_map(found, truths, chosen, labels) for found in founds]),
        missed=missed(single, truths, chosen, max_multiple),
    )


def mean(values: Sequence[float]) -> float:
    """Mean, nan of nothing."""
    return sum(values) / len(values) if values else float("nan")
