from __future__ import annotations

from aher_lightning.reports.evaluation.diagnosis import NamedDiagnosis
from aher_lightning.reports.evaluation.page_tables import (
    bucket_table,
    category_table,
    error_table,
    gain_table,
    score_table,
)
from aher_lightning.reports.evaluation.report import score_columns
from tests.helpers.evaluation_reports import diagnosis_report, full_report, plain_report

ALL = NamedDiagnosis("all", diagnosis_report())
GROUP = NamedDiagnosis("group\x00", diagnosis_report(0.1))


def test_scores_stand_in_columns_with_their_fingerprints() -> None:
    report = full_report()
    table = score_table(score_columns(report), report["AR@AN"])
    assert table.header == ["", "untrimmed", "<b>moment", "together", "harmonic mean"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["fingerprint"] == ["a" * 12, "b" * 12, "0123456789ab", ""]
    assert rows["videos"] == ["10", "20", "31", ""]
    assert rows["instances"] == ["300", "600", "1,234", ""]
    assert rows["mAP@0.50"] == ["52.25", "53.25", "51.25", "54.25"]
    assert rows["AR@10"] == ["", "", "25.00", ""]
    assert rows["AUC"] == ["62.00", "63.00", "65.11", "63.33"]
    assert rows["normalized mAP"] == ["24.42", "25.42", "23.42", ""]
    assert rows["missed instances"] == ["35.52", "36.52", "34.52", ""]
    assert {len(row) for row in table.rows} == {5}


def test_what_a_report_lacks_has_no_row() -> None:
    rows = score_table(score_columns(plain_report()), {}).rows
    assert [row[0] for row in rows] == ["videos", "instances", "mAP@0.50", "mAP@0.75", "mAP@0.95", "average mAP"]


def test_outcomes_in_percent() -> None:
    table = error_table([ALL])
    assert len(table.rows) == 10
    assert table.rows[1] == ["2G", "200", "20.00", "4.50", "5.50", "5.00", "6.00", "59.00"]
    assert error_table([ALL, GROUP]).rows[10][0] == "group�, 1G"


def test_gains_stand_beside_each_other() -> None:
    table = gain_table([ALL, GROUP])
    assert table.header == ["", "all", "group�"]
    assert table.rows[0] == ["double detection", "+1.23", "+11.23"]


def test_buckets_and_all_instances() -> None:
    table = bucket_table([ALL, GROUP])
    assert table.rows[0] == ["length XS: long XS", "100", "11.11", "13.39", "100", "21.11", "23.39"]
    assert table.rows[-2] == ["count L: many L", "0", "-", "-", "0", "-", "-"]
    assert table.rows[-1] == ["all", "", "23.42", "34.52", "", "33.42", "44.52"]
    assert bucket_table([ALL]).header == ["instances", "number", "mAP_N", "missed"]


def test_the_best_category_comes_first() -> None:
    table = category_table(full_report())
    assert table.header == ["AP@0.50", "AP@0.75", "AP@0.95", "instances", "videos", "predictions"]
    assert [row.name for row in table.rows] == ["jump & run", "<script>alert(1)</script>", "wave"]
    assert table.rows[0].numbers == ["90.00", "45.00", "22.50", "42", "18", "2,006"]
    assert category_table(plain_report()).rows[0].numbers == ["90.00", "45.00", "22.50"]


def test_of_many_thresholds_only_the_usual_ones_are_shown() -> None:
    names = [f"{0.5 + 0.05 * step:.2f}" for step in range(10)]
    report = plain_report()
    report["mAP"] = dict.fromkeys([*names, "average"], 0.5)
    report["per_class_AP"] = {"wave": {name: place / 100 for place, name in enumerate([*names, "average"])}}
    table = category_table(report)
    assert table.header == ["AP@0.50", "AP@0.75", "AP@0.95"]
    assert table.rows[0].numbers == ["0.00", "5.00", "9.00"]
