from __future__ import annotations

import pytest
from rich.console import Console

from aher_lightning.reports.evaluation.comparison import ComparisonReport, DifferenceReport, comparison_view, verdict
from tests.helpers.evaluation_reports import protocol_report


def difference(first: float, second: float, margin: float) -> DifferenceReport:
    middle = first - second
    ends = {"low": middle - margin, "high": middle + margin, "fraction_better": 0.5}
    return {"first": first, "second": second, "difference": middle, **ends}  # type: ignore[typeddict-item]


@pytest.fixture
def report() -> ComparisonReport:
    return {
        "protocol": protocol_report("fedcba987654"),
        "fingerprints": {"a/b": "ffff00001111", "c": "00001111ffff"},
        "first": "a[b].json",
        "second": "c.json",
        "skipped": {"first": {}, "second": {}},
        "unknown_videos": {"first": 0, "second": 0},
        "resamples": 1000,
        "level": 0.95,
        "scores": {
            "mAP": difference(0.5, 0.25, 0.125),
            "mAP@0.50": difference(0.5, 0.5, 0.0625),
            "a/b/mAP": difference(0.25, 0.5, 0.125),
            "c/mAP@0.50": difference(1.0, 0.0, 0.0),
        },
    }


def shown(report: ComparisonReport, width: int = 80) -> list[str]:
    console = Console(width=width, color_system=None, soft_wrap=True)
    with console.capture() as capture:
        console.print(comparison_view(report))
    return capture.get().splitlines()


@pytest.mark.parametrize(
    ("first", "second", "margin", "expected"),
    [
        (0.5, 0.25, 0.125, "better"),
        (0.25, 0.5, 0.125, "worse"),
        (0.5, 0.25, 0.25, "no difference shown"),
        (0.25, 0.5, 0.25, "no difference shown"),
        (0.5, 0.5, 0.0, "no difference shown"),
    ],
)
def test_only_an_interval_on_one_side_of_zero_decides(
    first: float, second: float, margin: float, expected: str
) -> None:
    assert verdict(difference(first, second, margin)) == expected


def test_a_comparison_names_files_protocol_and_groups(report: ComparisonReport) -> None:
    lines = [" ".join(line.split()) for line in shown(report)]
    assert lines == [
        "first: a[b].json",
        "second: c.json",
        "protocol plain, subset validation",
        "95 % intervals of first - second, from 1,000 resamples of the videos",
        "",
        "Comparison, fingerprint fedcba987654",
        "% first second difference 95 % interval first is",
        lines[7],
        "average mAP 50.00 25.00 +25.00 +12.50 to +37.50 better",
        "mAP@0.50 50.00 50.00 +0.00 -6.25 to +6.25 no difference shown",
        "",
        "a/b ffff00001111",
        "average mAP 25.00 50.00 -25.00 -37.50 to -12.50 worse",
        "",
        "c 00001111ffff",
        "mAP@0.50 100.00 0.00 +100.00 +100.00 to +100.00 better",
    ]


def test_a_comparison_says_what_was_left_out(report: ComparisonReport) -> None:
    report["skipped"]["second"] = {"unknown label": 2}
    report["unknown_videos"]["first"] = 1
    report["protocol"]["excluded_categories"] = ["Ambiguous"]
    assert shown(report)[2:6] == [
        "second: 2 rows skipped: unknown label (2)",
        "first: 1 predicted video is not evaluated: false positives",
        "protocol plain, subset validation",
        "1 category is excluded: Ambiguous",
    ]


def test_an_interval_that_does_not_exist_decides_nothing(report: ComparisonReport) -> None:
    nothing: DifferenceReport = {**difference(0.5, 0.25, 0.0), "low": None, "high": None, "fraction_better": None}
    assert verdict(nothing) == "no difference shown"
    report["scores"] = {"mAP": nothing}
    assert " ".join(shown(report)[-1].split()) == "average mAP 50.00 25.00 +25.00 - no difference shown"


def test_it_fits_a_narrow_terminal(report: ComparisonReport) -> None:
    del report["scores"]["c/mAP@0.50"]
    assert max(len(line.rstrip()) for line in shown(report)) <= 80
