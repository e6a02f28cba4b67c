"""``aher evaluate``: score a prediction file against an annotation file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import RenderableType

from aher_lightning.annotations.category_lists import read_categories, read_category_groups
from aher_lightning.annotations.splits import split_path
from aher_lightning.annotations.video_lists import read_video_list
from aher_lightning.console import ProgressReporter, output_console
from aher_lightning.errors import AnnotationError, ConfigError
from aher_lightning.evaluation.comparison import ComparisonOptions, comparison_report
from aher_lightning.evaluation.diagnosis import Buckets
from aher_lightning.evaluation.ground_truth import CategoryGroups, GroundTruth, GroundTruthChoice, read_ground_truth
from aher_lightning.evaluation.protocol import PROTOCOLS, Protocol, ProtocolName
from aher_lightning.evaluation.scores import ScoreOptions, evaluation_report
from aher_lightning.files.json_files import check_writable, write_json
from aher_lightning.metrics.functional.oracle import Oracle
from aher_lightning.reports.evaluation.comparison import ComparisonReport, comparison_view
from aher_lightning.reports.evaluation.page import write_page
from aher_lightning.reports.evaluation.report import HARMONIC_MEAN, EvaluationReport, report_view
from aher_lightning.reports.predictions.reader import Predictions, read_predictions

_LARGE_BYTES = 20_000_000
"""Size of a prediction file that takes about a second to read, long enough for a progress display."""

_MEGABYTE = 1_000_000

_FEWEST_RESAMPLES = 40
"""Fewest draws with one on either side of an interval of 95 %."""


def evaluate(  # noqa: PLR0913 - one option each, all by name
    ground_truth: Path,
    predictions: Path | None = None,
    *,
    compare: list[Path] | None = None,
    protocol: ProtocolName = "activitynet",
    subset: str | None = None,
    tiou: list[float] | None = None,
    proposals: bool = False,
    class_agnostic: bool = False,
    categories: Path | None = None,
    group: str | None = None,
    exclude_videos: Path | None = None,
    include_videos: Path | None = None,
    oracle: Oracle | None = None,
    diagnose: bool = False,
    buckets: Buckets = "protocol",
    skip_invalid: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    output: Path | None = None,
    page: Path | None = None,
) -> EvaluationReport:
    """Score detections like the official ActivityNet evaluator, print a table and return the report.

    Predictions for videos outside the subset count as false positives. With ``categories``, instances and
    predictions of all other categories are ignored. Without a chosen ``group``, each group of categories is also
    scored by itself, with the harmonic mean over groups. An oracle is applied first: the true label may be scored
    where the predicted one is not.

    Args:
        ground_truth: Annotations: JSON in ActivityNet layout, a table (CSV, TSV) of video, start, end and label, or
            the annotation folder of THUMOS14.
        predictions: Prediction file in ActivityNet layout.
        compare: Two prediction files to compare: how much better the first is, and whether that is significant.
        protocol: Rules of ActivityNet, or those usual for THUMOS14: mAP at 0.3:0.1:0.7, AR at 0.5:0.05:1.0, no
            ambiguous instances, subset test.
        subset: Which videos of the annotation file; that of the protocol unless given.
        tiou: tIoU thresholds; those of the protocol if not given.
        proposals: Also report AR@AN and AUC of the predictions as class-agnostic proposals.
        class_agnostic: Count all categories as one.
        categories: JSON list of the categories to score, JSON object of such lists, or the name of a split that
            comes with the package, such as anet_un_am.
        group: Which list of that object; all of them unless given.
        exclude_videos: File of videos to leave out: a JSON list of ids, a table with a column video, or one id per
            line.
        include_videos: File of the only videos to evaluate, of the same kinds; all others are left out.
        oracle: Replace predicted labels or segments by the true ones, to isolate the other errors.
        diagnose: Also report the kinds of errors, the cost of each, and which instances are hard.
        buckets: Sort instances of a diagnosis by the sizes of the protocol, or into fifths of what there is.
        skip_invalid: Leave out predictions that cannot be used, and count them, instead of refusing the file.
        resamples: Number of bootstrap resamples of a comparison.
        seed: Seed of the resampling.
        output: Where to write the report as JSON.
        page: Where to write it as one HTML page.

    Raises:
        AnnotationError: If the annotation, category or video list cannot be used, or has nothing to score.
        PredictionError: If a prediction file cannot be used.
        ConfigError: If the options do not fit together, or the report cannot be written.
    """
    files = _prediction_files(predictions, compare)
    if compare is not None:
        _check_comparison(resamples, has_more=page is not None or diagnose or oracle is not None)
    if buckets != "protocol" and not diagnose:
        raise ConfigError("buckets belong to a diagnosis: give diagnose as well")
    inputs = [path for path in (ground_truth, *files, categories, exclude_videos, include_videos) if path is not None]
    _check_outputs([path for path in (output, page) if path is not None], inputs)
    rules = _rules(protocol, tiou, class_agnostic=class_agnostic)
    if group is not None and categories is None:
        raise ConfigError(f"the group {group!r} needs a file of category groups: give categories as well")
    choice = GroundTruthChoice(
        subset=subset or rules.subset,
        groups={} if categories is None else _read_groups(_category_file(categories), group),
        excluded_categories=rules.excluded_categories,
        excluded_videos=frozenset() if exclude_videos is None else read_video_list(exclude_videos),
        included_videos=None if include_videos is None else read_video_list(include_videos),
    )
    truth = read_ground_truth(ground_truth, choice)
    found = [_read(file, truth, skip_invalid=skip_invalid) for file in files]
    report: EvaluationReport
    view: RenderableType
    if compare is None:
        report = evaluation_report(truth, found[0], rules, ScoreOptions(proposals, oracle, diagnose, buckets))
        view = report_view(report)
    else:
        first, second = zip(map(str, files), found, strict=True)
        comparison = _compare(truth, first, second, rules, ComparisonOptions(resamples, seed, proposals))
        report, view = {"comparison": comparison}, comparison_view(comparison)
    # Shown first, so that an unwritable output does not lose it.
    output_console().print(view)
    if output is not None:
        write_json(output, report, ConfigError, indent=2)
    if page is not None:
        write_page(page, report, title=files[0].name)
    return report


def _compare(
    ground_truth: GroundTruth,
    first: tuple[str, Predictions],
    second: tuple[str, Predictions],
    rules: Protocol,
    options: ComparisonOptions,
) -> ComparisonReport:
    """Compare two files, with a progress display."""
    num_draws = options.resamples * (1 + options.proposals)
    with ProgressReporter("Resampling videos", num_draws, unit="draws") as progress:
        reported = replace(options, on_progress=lambda done: progress.advance(done - progress.done))
        try:
            return comparison_report(ground_truth, first, second, rules, reported)
        except ValueError as reason:
            raise ConfigError(str(reason)) from None


def _prediction_files(predictions: Path | None, compare: list[Path] | None) -> list[Path]:
    """Return the one file to score, or the two to compare."""
    if (predictions is None) == (compare is None):
        raise ConfigError("give either one prediction file with predictions, or two with compare")
    if compare is not None and len(compare) != 2:
        raise ConfigError(f"compare needs two prediction files, but has {len(compare)}")
    return [predictions] if predictions is not None else list(compare or [])


def _check_comparison(resamples: int, *, has_more: bool) -> None:
    """Refuse a comparison with too few draws, or with what belongs to a single file."""
    if resamples < _FEWEST_RESAMPLES:
        raise ConfigError(f"an interval of 95 % needs {_FEWEST_RESAMPLES} resamples or more; got {resamples}")
    if has_more:
        raise ConfigError(
            "a comparison supports neither page nor diagnosis nor oracle: leave these out, or give predictions"
        )


def _check_outputs(outputs: list[Path], inputs: list[Path]) -> None:
    """Refuse unwritable outputs, and outputs over an input or one another."""
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        check_writable(path, ConfigError)
        if path.resolve() in taken:
            raise ConfigError(f"{path}: would be overwritten, but is another file of this evaluation; write elsewhere")
        taken.add(path.resolve())


def _rules(name: ProtocolName, tiou: list[float] | None, *, class_agnostic: bool) -> Protocol:
    """Return the protocol, changed as asked for."""
    try:
        return PROTOCOLS[name].changed(thresholds=tiou, class_agnostic=class_agnostic)
    except ValueError as reason:
        raise ConfigError(str(reason)) from None


def _read(path: Path, ground_truth: GroundTruth, *, skip_invalid: bool) -> Predictions:
    """Read a prediction file, with a progress display if it is large."""
    size = path.stat().st_size if path.is_file() else 0
    if size < _LARGE_BYTES:
        return read_predictions(path, ground_truth.categories, skip_invalid=skip_invalid)
    with ProgressReporter(f"Reading {path.name}", size // _MEGABYTE, unit="MB") as progress:
        return read_predictions(
            path,
            ground_truth.categories,
            skip_invalid=skip_invalid,
            on_progress=lambda done, _: progress.advance(done // _MEGABYTE - progress.done),
        )


def _category_file(categories: Path) -> Path:
    """Return the file itself, or that of the shipped split whose name it is."""
    is_name = not categories.exists() and not categories.suffix and categories.name == str(categories)
    return split_path(categories.name) if is_name else categories


def _read_groups(path: Path, group: str | None) -> CategoryGroups:
    """Return one group of categories, or all of a file."""
    groups = read_category_groups(path) if group is None else {group: read_categories(path, group)}
    if group is None and HARMONIC_MEAN in groups:
        raise AnnotationError(f"{path}: a group is named {HARMONIC_MEAN!r}, which is a key of the report; rename it")
    return groups
