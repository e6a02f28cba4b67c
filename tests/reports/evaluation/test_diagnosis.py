from __future__ import annotations

import pytest
from rich.console import Console, Group

from aher_lightning.reports.evaluation.diagnosis import OUTCOMES, NamedDiagnosis, diagnosis_tables, outcome_fractions
from tests.helpers.evaluation_reports import diagnosis_report, error_report


def shown(*diagnoses: NamedDiagnosis, width: int = 80) -> list[str]:
    """Return the lines on a terminal, words only."""
    console = Console(width=width, color_system=None, soft_wrap=True)
    with console.capture() as capture:
        console.print(Group(*diagnosis_tables(diagnoses)))
    return [" ".join(line.split()) for line in capture.get().splitlines()]


def test_fractions_are_of_the_predictions_and_add_up() -> None:
    fractions = outcome_fractions(error_report(2))
    assert fractions["true_positive"] == 0.2
    assert fractions["background"] == pytest.approx(0.59)
    assert sum(fractions.values()) == pytest.approx(1.0)
    assert list(fractions) == [one.key for one in OUTCOMES]


def test_no_prediction_has_no_fraction() -> None:
    nothing = error_report(1)
    nothing["predictions"] = 0
    for outcome in OUTCOMES:
        nothing[outcome.key] = 0
    assert set(outcome_fractions(nothing).values()) == {0.0}
    one = diagnosis_report() | {"errors": [nothing]}
    assert "all 1G - - - - - -" in shown(NamedDiagnosis("all", one))


def test_the_tables_of_one_diagnosis() -> None:
    lines = shown(NamedDiagnosis("all", diagnosis_report()))
    assert lines[0] == "Best predictions at tIoU 0.50, % (G: number of instances)"
    assert "all 1G 40.0 9.0 11.0 10.0 12.0 18.0" in lines
    assert "2G 20.0 4.5 5.5 5.0 6.0 59.0" in lines
    assert not any(line.startswith("3G") for line in lines)
    assert "all +1.23 +2.46 +3.69 +4.92 +6.15" in lines
    assert "XS S M L XL all" in lines
    assert "count many XS many S many M many L" in lines
    assert "all 31.3 32.3 33.3 - 23.4" in lines  # normalized mAP by count
    assert "all 34.0 35.0 36.0 - 34.5" in lines  # missed by count
    assert "instances 300 310 320 0" in lines


def test_diagnoses_stand_below_one_another() -> None:
    lines = shown(NamedDiagnosis("together", diagnosis_report()), NamedDiagnosis("[b]\x1b", diagnosis_report(0.1)))
    assert [line.split()[0] for line in lines if " 1G " in line] == ["together", "[b]�"]
    assert "[b]� +11.23 +12.46 +13.69 +14.92 +16.15" in lines


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    report = diagnosis_report()
    for bucket, text in zip(report["sensitivity"]["length"], ("up to 30 s", "30 to 60 s", "60 to 120 s"), strict=False):
        bucket["range"] = text
    console = Console(width=width, color_system=None, soft_wrap=True)
    with console.capture() as capture:
        console.print(Group(*diagnosis_tables([NamedDiagnosis("untrimmed", report), NamedDiagnosis("x" * 40, report)])))
    assert max(len(line.rstrip()) for line in capture.get().splitlines()) <= width
