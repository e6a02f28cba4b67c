from __future__ import annotations

import pytest
from rich.console import Console

from aher_lightning.reports.evaluation import EvaluationReport, GroupReport, report_view

MEANS = {"0.50": 0.5, "0.75": 0.25, "average": 0.375}


def shown(report: EvaluationReport) -> list[str]:
    """Return the lines on a terminal of 100 columns, words only."""
    console = Console(width=100, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(report_view(report))
    lines = [line.translate(str.maketrans("│┃", "  ")) for line in capture.get().splitlines()]
    return [" ".join(line.split()) for line in lines if not set(line) & set("┏┡├└")]


@pytest.fixture
def report() -> EvaluationReport:
    return {"mAP": dict(MEANS), "videos": 3, "instances": 7, "predictions": 40, "unknown_videos": 0, "per_class_AP": {}}


@pytest.fixture
def groups() -> dict[str, GroupReport]:
    half = {key: value / 2 for key, value in MEANS.items()}
    return {
        "untrimmed": {"mAP": dict(MEANS), "videos": 1, "instances": 2},
        "[red]": {"mAP": half, "videos": 2, "instances": 5},
        "harmonic_mean": {"mAP": dict.fromkeys(MEANS, 1 / 3)},
    }


def test_a_plain_report(report: EvaluationReport) -> None:
    expected = ["3 videos, 7 instances, 40 predictions", "score %"]
    assert shown(report) == [*expected, "mAP@0.50 50.00", "mAP@0.75 25.00", "average mAP 37.50"]


def test_proposals_and_unknown_videos(report: EvaluationReport) -> None:
    recalls = {str(number): number / 100 for number in range(1, 101)}
    lines = shown(report | {"unknown_videos": 2, "AR@AN": recalls, "AUC": 0.625})
    assert lines[1] == "2 predicted videos are not in the ground truth: false positives"
    assert lines[-4:] == ["AR@1 1.00", "AR@10 10.00", "AR@100 100.00", "AUC 62.50"]


@pytest.mark.parametrize(("oracle", "remaining"), [("labels", "localization"), ("segments", "classification")])
def test_an_oracle_is_named(report: EvaluationReport, oracle: str, remaining: str) -> None:
    line = shown(report | {"oracle": oracle})[1]
    assert line.startswith(f"oracle: true {oracle} in place of the predicted ones")
    assert line.endswith(f"errors of {remaining}")


def test_groups_stand_side_by_side(report: EvaluationReport, groups: dict[str, GroupReport]) -> None:
    lines = shown(report | {"groups": groups})
    assert lines[1:3] == ["untrimmed: 1 videos, 2 instances", "[red]: 2 videos, 5 instances"]
    assert lines[3:] == [
        "% untrimmed [red] together harmonic mean",
        "mAP@0.50 50.00 25.00 50.00 33.33",
        "mAP@0.75 25.00 12.50 25.00 33.33",
        "average mAP 37.50 18.75 37.50 33.33",
    ]


def test_groups_with_proposals(report: EvaluationReport, groups: dict[str, GroupReport]) -> None:
    for value, group in zip((0.5, 0.75, 0.6), groups.values(), strict=True):
        group["AUC"] = value
    recalls = dict.fromkeys(map(str, range(1, 101)), 0.5)
    lines = shown(report | {"groups": groups, "AR@AN": recalls, "AUC": 0.7})
    # AR@AN is reported for all groups together.
    assert lines[-4:] == ["AR@1 50.00", "AR@10 50.00", "AR@100 50.00", "AUC 50.00 75.00 70.00 60.00"]
