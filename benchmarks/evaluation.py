"""How long mAP, AR@AN and AUC take, how much memory, and whether they are what the official algorithm gives.

    python benchmarks/evaluation.py

Writes an annotation file and a prediction file of 4,700 videos, 200 categories and 470,000 predictions, always the
same ones, and scores them in a process of its own, with one thread. The official algorithm, stated once more in plain
loops, scores the first categories and videos beside it. Prints one table; the last line is JSON.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.cli.argument_spelling import spell_flags
from aher_lightning.console import output_console
from aher_lightning.evaluation.ground_truth import GroundTruth, GroundTruthChoice, read_ground_truth
from aher_lightning.evaluation.protocol import PROTOCOLS
from aher_lightning.evaluation.scores import ScoreOptions, evaluation_report
from aher_lightning.metrics.functional.proposal_recall import proposal_recalls
from aher_lightning.metrics.functional.segment_table import FloatArray, SegmentTable, table_from_detections
from aher_lightning.metrics.functional.temporal_map import average_precisions
from aher_lightning.ops.thresholds import ACTIVITYNET_THRESHOLDS
from aher_lightning.reports.evaluation.report import EvaluationReport
from aher_lightning.reports.predictions.reader import Predictions, read_predictions
from aher_lightning.structures import Detections
from processes import memory_mib, run_apart

Returned = TypeVar("Returned")

PROTOCOL = PROTOCOLS["activitynet"]
"""The rules."""

PLAIN_CATEGORIES = 10
"""How many categories the official algorithm scores."""

PLAIN_VIDEOS = 100
"""How many videos it finds the recall of."""

COMPARED = (("category", "mAP of a category"), ("recall", f"AR@AN of {PLAIN_VIDEOS} videos"))
"""What is measured both ways, and its title."""

TOLERANCE = 1e-9
"""How far both may be apart."""

RUNS = 3
"""Timed runs after the first one."""


class Case(NamedTuple):
    """What is scored.

    Attributes:
        name: Part of file names and video ids.
        videos: Number of videos.
        categories: Number of categories.
        predictions: Predictions per video.
        checksums: MD5 of the annotation and of the prediction file.
        percents: Average mAP and AUC that must come out, in percent to three decimals.
    """

    name: str
    videos: int
    categories: int
    predictions: int
    checksums: tuple[str, str]
    percents: tuple[str, str]

    def paths(self, folder: Path) -> tuple[Path, Path]:
        """Return where annotations and predictions lie."""
        return folder / f"{self.name}_gt.json", folder / f"{self.name}_pred.json"


LARGE = Case(
    *("large", 4700, 200, 100),
    checksums=("45a84d3e7d7c47377f9c8b9b415f545a", "58bf4298b1692729e050456057d5b264"),
    percents=("39.197", "93.381"),
)
QUICK = Case(
    *("quick", 300, 20, 30),
    checksums=("e752eefbad51eddf451eea5f04121de1", "7f7ac26a0d6bedf8a5d1a098ae128f6f"),
    percents=("41.556", "89.255"),
)


SEED = 303
"""Seed of both cases."""

PlainPrediction = tuple[float, str, tuple[float, float]]
"""Score, video, and start and end in seconds of a prediction whose category is known."""


def write_case(case: Case, folder: Path) -> None:
    """Write both files, unless they are there, and refuse any but the expected content."""
    paths = case.paths(folder)
    if not all(path.is_file() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, draw_case(case), strict=True):
            path.write_text(json.dumps(content), encoding="utf-8")
    for path, expected in zip(paths, case.checksums, strict=True):
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if found != expected:
            raise SystemExit(f"{path} has MD5 {found} in place of {expected}; delete it and run the benchmark again")


def draw_case(case: Case) -> tuple[dict[str, object], dict[str, object]]:
    """Draw annotations and predictions: 45 % of these near an instance, 80 % with the label of the video."""
    # The stream of this old generator never changes, so that the checksums hold.
    random = np.random.RandomState(SEED)
    labels = [f"class_{number:03d}" for number in range(case.categories)]
    database: dict[str, object] = {}
    results: dict[str, object] = {}
    for number in range(case.videos):
        video = f"v_{case.name}_{number:05d}"
        duration = round(float(random.uniform(20, 240)), 2)
        category = int(random.randint(case.categories)) if number >= case.categories else number
        segments, names = draw_instances(random, duration, labels, category)
        database[video] = {
            "duration": duration,
            "subset": "validation",
            "resolution": "320x240",
            "url": f"https://example.invalid/{video}",
            "annotations": [{"label": a, "segment": b} for a, b in zip(names, segments, strict=True)],
        }
        results[video] = [
            draw_prediction(random, duration, labels, category, segments) for _ in range(case.predictions)
        ]
    taxonomy = [
        {"nodeId": node, "nodeName": label, "parentId": None, "parentName": None} for node, label in enumerate(labels)
    ]
    return (
        {"database": database, "taxonomy": taxonomy, "version": "VERSION 1.3"},
        {"results": results, "version": "VERSION 1.3", "external_data": {"used": False, "details": ""}},
    )


def draw_instances(
    random: np.random.RandomState, duration: float, labels: Sequence[str], category: int
) -> tuple[list[list[float]], list[str]]:
    """Draw the segments of a video and their labels; 3 % have any label."""
    segments, names = [], []
    for _ in range(1 + int(random.poisson(0.6))):
        start, end = np.sort(random.uniform(0, duration, 2))
        if end - start < 0.5:
            end = min(duration, start + 0.5)
            start = end - 0.5
        names.append(labels[category if random.rand() > 0.03 else int(random.randint(len(labels)))])
        segments.append([round(float(start), 3), round(float(end), 3)])
    return segments, names


def draw_prediction(
    random: np.random.RandomState,
    duration: float,
    labels: Sequence[str],
    category: int,
    segments: Sequence[Sequence[float]],
) -> dict[str, object]:
    """Draw a prediction."""
    is_near = random.rand() < 0.45
    if is_near:
        near = segments[int(random.randint(len(segments)))]
        width = near[1] - near[0]
        start, end = near[0] + random.normal(0, 0.12) * width, near[1] + random.normal(0, 0.12) * width
    else:
        start, end = np.sort(random.uniform(0, duration, 2))
    start, end = max(0.0, float(start)), min(duration, float(end))
    if end - start < 0.05:
        start, end = max(0.0, duration - 1.0), duration
    label = category if random.rand() < 0.8 else int(random.randint(len(labels)))
    score = float((0.55 if is_near else 0.2) * random.rand() + 0.3 * random.rand())
    return {"label": labels[label], "score": score, "segment": [round(start, 3), round(end, 3)]}


def measure(case: Case, folder: Path) -> dict[str, float]:
    """Score the files, first by the package, then in part by the official algorithm; meant for a new process."""
    torch.set_num_threads(1)
    (truth, found), read_seconds = timed(lambda: read(case, folder))
    before = memory_mib("VmRSS")
    report, first_seconds = timed(lambda: score(truth, found))
    peak = memory_mib("VmHWM")
    runs = [timed(lambda: score(truth, found))[1] for _ in range(RUNS)]
    return {
        "read_seconds": read_seconds,
        "first_seconds": first_seconds,
        "seconds": statistics.median(runs),
        "peak_mib": peak,
        "added_mib": peak - before,
        "average_mAP": report["mAP"]["average"],
        "AUC": report["AUC"],
        **compare_precisions(truth.videos, found),
        **compare_recalls(truth.videos, found),
    }


def read(case: Case, folder: Path) -> tuple[GroundTruth, Predictions]:
    """Read both files."""
    ground_truth, predictions = case.paths(folder)
    truth = read_ground_truth(ground_truth, GroundTruthChoice(PROTOCOL.subset))
    return truth, read_predictions(predictions, truth.categories)


def score(truth: GroundTruth, found: Predictions) -> EvaluationReport:
    """Return mAP, AR@AN and AUC."""
    return evaluation_report(truth, found, PROTOCOL, ScoreOptions(proposals=True))


def timed(function: Callable[[], Returned]) -> tuple[Returned, float]:
    """Return what a function returns, and the seconds it took."""
    started = time.perf_counter()
    returned = function()
    return returned, time.perf_counter() - started


def tables(
    videos: Mapping[str, AnnotatedVideo], detections: Mapping[str, Detections], categories: Sequence[str]
) -> tuple[SegmentTable, SegmentTable]:
    """Return predictions and instances of the same videos as tables."""
    labels = {name: number for number, name in enumerate(categories)}
    targets = [videos[video].as_targets(labels) for video in detections]
    numbers = range(len(detections))
    return table_from_detections(list(detections.values()), numbers), table_from_detections(targets, numbers)


def compare_precisions(videos: Mapping[str, AnnotatedVideo], found: Predictions) -> dict[str, float]:
    """Compare the average precision of the first categories, and what a category costs."""
    # Both start from what is sorted out already: tables here, predictions by category and instances by video there.
    found_table, truth_table = tables(videos, found.detections, found.categories)
    precisions, seconds = timed(lambda: average_precisions(found_table, truth_table))
    names = found.categories[:PLAIN_CATEGORIES]
    instances = [
        {video: [one for one in videos[video].instances if one.label == name] for video in videos} for name in names
    ]
    predictions = plain_predictions(len(names), found.detections)
    plain, plain_seconds = timed(lambda: list(map(plain_precision, instances, predictions)))
    difference = float(np.abs(np.transpose(plain) - precisions.values[:, : len(names)]).max())
    return comparison("category", seconds / len(precisions.labels), plain_seconds / len(names), difference)


def compare_recalls(videos: Mapping[str, AnnotatedVideo], found: Predictions) -> dict[str, float]:
    """Compare the average recall of the first videos, and what it costs."""
    chosen = dict(list(found.detections.items())[:PLAIN_VIDEOS])
    found_table, truth_table = tables(videos, chosen, found.categories)
    recalls, seconds = timed(lambda: proposal_recalls(found_table, truth_table).average_recalls)
    plain, plain_seconds = timed(lambda: plain_recalls(videos, chosen))
    return comparison("recall", seconds, plain_seconds, float(np.abs(plain - recalls).max()))


def comparison(key: str, seconds: float, plain_seconds: float, difference: float) -> dict[str, float]:
    """Return what was measured both ways; end the benchmark if both do not agree."""
    if not difference <= TOLERANCE:
        raise SystemExit(f"{key}: {difference} away from the official algorithm: the package has an error")
    return {
        f"{key}_seconds": seconds,
        f"plain_{key}_seconds": plain_seconds,
        f"{key}_ratio": plain_seconds / seconds,
        f"{key}_difference": difference,
    }


def plain_predictions(num_labels: int, detections: Mapping[str, Detections]) -> list[list[PlainPrediction]]:
    """Predictions of each of the first categories, in file order."""
    predictions: list[list[PlainPrediction]] = [[] for _ in range(num_labels)]
    for name, one in detections.items():
        rows = zip(one.labels.tolist(), one.scores.tolist(), one.segments.tolist(), strict=True)
        for label, score, (start, end) in rows:
            if label < num_labels:
                predictions[label].append((score, name, (start, end)))
    return predictions


def plain_precision(instances: Mapping[str, Sequence[Instance]], predictions: Sequence[PlainPrediction]) -> list[float]:
    """Average precision of a category at each threshold, one prediction after another as ``eval_detection.py`` does."""
    taken: list[set[tuple[str, int]]] = [set() for _ in ACTIVITYNET_THRESHOLDS]
    hits = np.zeros((len(ACTIVITYNET_THRESHOLDS), len(predictions)))
    for place, (_, name, segment) in enumerate(sorted(predictions, key=lambda one: -one[0])):
        if not instances.get(name):
            continue
        overlaps = plain_overlaps(segment, instances[name])
        closest = np.argsort(-overlaps, kind="stable").tolist()
        for row, threshold in enumerate(ACTIVITYNET_THRESHOLDS):
            for one in closest:
                if overlaps[one] < threshold:
                    break
                if (name, one) not in taken[row]:
                    taken[row].add((name, one))
                    hits[row, place] = 1
                    break
    total = sum(len(one) for one in instances.values())
    return [plain_area(np.cumsum(row), total) for row in hits]


def plain_overlaps(segment: Sequence[float], instances: Sequence[Instance]) -> FloatArray:
    """Return the tIoU of a segment and each instance, ``(G,)``."""
    starts = np.array([one.start_sec for one in instances])
    ends = np.array([one.end_sec for one in instances])
    intersection = (np.minimum(segment[1], ends) - np.maximum(segment[0], starts)).clip(0)
    union = (ends - starts) + (segment[1] - segment[0]) - intersection
    overlaps: FloatArray = intersection / union
    return overlaps


def plain_area(true_positives: FloatArray, total: int) -> float:
    """Return the area under interpolated precision; true positives up to each prediction."""
    recall = np.concatenate([[0], true_positives / total, [1]])
    precision = np.concatenate([[0], true_positives / np.arange(1, len(true_positives) + 1), [0]])
    for place in range(len(precision) - 1)[::-1]:
        precision[place] = max(precision[place], precision[place + 1])
    steps = np.where(recall[1:] != recall[:-1])[0] + 1
    return float(np.sum((recall[steps] - recall[steps - 1]) * precision[steps]))


def plain_recalls(videos: Mapping[str, AnnotatedVideo], detections: Mapping[str, Detections]) -> FloatArray:
    """Return AR at an AN of 1 to 100, one video after another as ``eval_proposal.py`` does."""
    tiou = []  # by video: (proposals, instances)
    total, budget = sum(len(one.scores) for one in detections.values()), 100 * float(len(detections))
    for name, one in detections.items():
        order = np.argsort(-one.scores.numpy(), kind="stable")
        segments = one.segments.numpy()[order][: min(int(len(order) * (budget / total)), len(order))].tolist()
        tiou.append(np.array([plain_overlaps(segment, videos[name].instances) for segment in segments]))
    shares = np.arange(1, 101) / 100.0 * (budget / sum(len(values) for values in tiou))
    recalls = np.zeros((len(ACTIVITYNET_THRESHOLDS), 100))
    for row, threshold in enumerate(ACTIVITYNET_THRESHOLDS):
        for values in tiou:
            is_close = values >= threshold
            for point, number in enumerate(np.minimum((len(values) * shares).astype(int), len(values))):
                recalls[row, point] += np.count_nonzero(is_close[:number].sum(axis=0))
    averages: FloatArray = recalls.mean(axis=0) / sum(values.shape[1] for values in tiou)
    return averages


def result_table(case: Case, found: Mapping[str, float]) -> Table:
    """Return everything that was measured as a table."""
    title = (
        f"{case.videos} videos, {case.categories} categories, {case.videos * case.predictions} predictions, 1 thread"
    )
    table = Table("", "", title=title, title_justify="left", show_header=False)
    table.columns[1].justify = "right"
    table.add_row("reading both files", f"{found['read_seconds']:.2f} s")
    table.add_row("mAP, AR@AN and AUC, first run", f"{found['first_seconds']:.2f} s")
    table.add_row(f"mAP, AR@AN and AUC, median of {RUNS} more", f"{found['seconds']:.2f} s")
    table.add_row("peak memory of the process", f"{found['peak_mib']:.0f} MiB")
    table.add_row("of that, added by the evaluation", f"{found['added_mib']:.0f} MiB", end_section=True)
    table.add_row("average mAP", f"{100 * found['average_mAP']:.3f} %")
    table.add_row("AUC", f"{100 * found['AUC']:.3f} %", end_section=True)
    for key, title in COMPARED:
        table.add_row(title, f"{1000 * found[f'{key}_seconds']:.1f} ms")
        table.add_row("official algorithm in plain loops", f"{1000 * found[f'plain_{key}_seconds']:.1f} ms")
        table.add_row("ratio", f"{found[f'{key}_ratio']:.0f}")
        table.add_row("largest difference", f"{found[f'{key}_difference']:.1e}", end_section=True)
    return table


def evaluation(quick: bool = False, output: Path = Path("runs/evaluation")) -> None:
    """Write the case, score it in a process of its own, and print what that took.

    Args:
        quick: 300 videos, 20 categories and 9,000 predictions.
        output: Folder for the files, which are used again.
    """
    case = QUICK if quick else LARGE
    write_case(case, output)
    found = run_apart(__file__, case.name, output)
    percents = (f"{100 * found['average_mAP']:.3f}", f"{100 * found['AUC']:.3f}")
    if percents != case.percents:
        raise SystemExit(f"average mAP and AUC are {percents} in place of {case.percents}: the package has an error")
    console = output_console()
    console.print(result_table(case, found))
    console.print(json.dumps({"benchmark": "evaluation", "quick": quick, **found}))


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark as the words of a command line ask for."""
    if list(arguments[:1]) == ["measure"]:
        (case,) = [one for one in (QUICK, LARGE) if one.name == arguments[1]]
        output_console().print(json.dumps(measure(case, Path(arguments[2]))))
        return
    auto_cli(evaluation, as_positional=False, args=spell_flags(arguments, {"quick"}))


if __name__ == "__main__":
    run(sys.argv[1:])
