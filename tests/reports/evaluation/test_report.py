from __future__ import annotations

import pytest
from rich.console import Console

from aher_lightning.reports.evaluation.report import (
    EvaluationReport,
    GroupReport,
    diagnoses,
    report_view,
    score_columns,
    summary_lines,
)
from tests.helpers.evaluation_reports import diagnosis_report, full_report, plain_report, protocol_report

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
    assert lines[1] == "2 predicted videos are not evaluated: false positives"
    assert lines[-4:] == ["AR@1 1.00", "AR@10 10.00", "AR@100 100.00", "AUC 62.50"]


@pytest.mark.parametrize(("oracle", "remaining"), [("labels", "localization"), ("segments", "classification")])
def test_an_oracle_is_named(report: EvaluationReport, oracle: str, remaining: str) -> None:
    line = shown(report | {"oracle": oracle})[1]
    assert line.startswith(f"oracle: {oracle} replaced by the ground truth")
    assert line.endswith(f"the remaining errors are {remaining} errors")


def test_groups_stand_side_by_side(report: EvaluationReport, groups: dict[str, GroupReport]) -> None:
    lines = shown(report | {"groups": groups})
    assert lines[1:3] == ["untrimmed: 1 videos, 2 instances", "[red]: 2 videos, 5 instances"]
    assert lines[3:] == [
        "% untrimmed [red] together harmonic mean",
        "mAP@0.50 50.00 25.00 50.00 33.33",
        "mAP@0.75 25.00 12.50 25.00 33.33",
        "average mAP 37.50 18.75 37.50 33.33",
    ]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_fingerprints_of_many_groups_are_never_cut(report: EvaluationReport, width: int) -> None:
    prints = [f"{digit}" * 6 + f"{digit + 4}" * 6 for digit in range(4)]
    groups: dict[str, GroupReport] = {
        f"group {place}": {"mAP": dict(MEANS), "videos": 1, "instances": 2, "fingerprint": text}
        for place, text in enumerate(prints)
    }
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(report_view(report | {"groups": groups}))
    rows = [line.split("│")[1:-1] for line in capture.get().splitlines() if "│" in line]
    columns = ["".join(cell.strip() for cell in cells) for cells in zip(*rows, strict=True)]
    assert [text for text, column in zip(prints, columns[1:], strict=False) if not column.startswith(text)] == []


def test_groups_with_proposals(report: EvaluationReport, groups: dict[str, GroupReport]) -> None:
    for value, group in zip((0.5, 0.75, 0.6), groups.values(), strict=True):
        group["AUC"] = value
    recalls = dict.fromkeys(map(str, range(1, 101)), 0.5)
    lines = shown(report | {"groups": groups, "AR@AN": recalls, "AUC": 0.7})
    # AR@AN is reported for all groups together.
    assert lines[-4:] == ["AR@1 50.00", "AR@10 50.00", "AR@100 50.00", "AUC 50.00 75.00 70.00 60.00"]


def test_the_fingerprint_stands_above_every_column(report: EvaluationReport) -> None:
    lines = shown(report | {"protocol": protocol_report()})
    assert lines[1] == "protocol plain, subset validation"
    assert lines[2:4] == ["score %", "fingerprint 0123456789ab"]
    assert "fingerprint aaaaaaaaaaaa bbbbbbbbbbbb 0123456789ab" in shown(full_report())


def test_what_was_left_out_has_a_line_each() -> None:
    assert summary_lines(full_report())[3:] == [
        "protocol plain, subset validation",
        "3 videos are excluded and not scored",
        "1 category is excluded: Ambiguous",
        "8 rows skipped: score is not finite (7), unknown label (1)",
        "2 predicted videos are not evaluated: false positives",
    ]


def test_columns_and_diagnoses_are_in_order() -> None:
    columns = score_columns(full_report())
    assert [column.name for column in columns] == ["untrimmed", "<b>moment", "together", "harmonic mean"]
    assert [column.is_overall for column in columns] == [False, False, True, False]
    assert [one.name for one in diagnoses(full_report())] == ["together", "untrimmed", "<b>moment"]
    assert [column.name for column in score_columns(plain_report())] == ["all"]
    assert diagnoses(plain_report()) == []


def test_a_diagnosis_has_its_tables() -> None:
    lines = shown(full_report())
    titles = ("Best predictions at tIoU", "Average mAP gained", "Normalized mAP", "Instances missed at tIoU 0.50")
    assert all(any(line.startswith(title) for line in lines) for title in titles)
    assert "<b>moment +3.23 +4.46 +5.69 +6.92 +8.15" in lines


def test_the_best_and_the_worst_categories_are_shown(report: EvaluationReport) -> None:
    names = [f"category {number:02}" for number in range(12)]
    report["per_class_AP"] = {name: {"average": number / 100} for number, name in enumerate(names)}
    report["per_class_support"] = {
        name: {"instances": number, "videos": 2 * number, "predictions": 1000 * number}
        for number, name in enumerate(names)
    }
    assert "category 11" not in " ".join(shown(report))
    report["diagnosis"] = diagnosis_report()
    lines = shown(report)
    assert "5 best and 5 worst of 12 categories" in lines
    rows = [line for line in lines if line.startswith("category ")]
    assert [row[9:11] for row in rows] == ["11", "10", "09", "08", "07", "04", "03", "02", "01", "00"]
    assert rows[0] == "category 11 11.00 11 22 11,000"
    del report["per_class_AP"][names[0]], report["per_class_AP"][names[1]]
    rows = [line for line in shown(report) if line.startswith("category ")]
    assert [row[9:11] for row in rows] == ["11", "10", "09", "08", "07", "06", "05", "04", "03", "02"]


def test_names_cannot_steer_the_terminal(report: EvaluationReport) -> None:
    evil = "a\x1b[2J[red]\ud800"
    report["per_class_AP"] = {evil: {"average": 0.5}}
    report["per_class_support"] = {evil: {"instances": 1, "videos": 1, "predictions": 1}}
    report["diagnosis"] = diagnosis_report()
    report["groups"] = {evil: {"mAP": dict(MEANS), "videos": 1, "instances": 1}}
    report["protocol"] = protocol_report() | {"name": evil}
    text = "\n".join(shown(report | {"skipped": {evil: 1}}))
    assert "\x1b" not in text
    assert text.count("a�[2J[red]�") == 5
