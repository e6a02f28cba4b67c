from __future__ import annotations

from aher_lightning.reports.evaluation.diagnosis import NamedDiagnosis
from aher_lightning.reports.evaluation.page_figures import (
    SERIES,
    error_figure,
    gain_figure,
    missed_figures,
    precision_figure,
    recall_figure,
    sensitivity_figures,
)
from aher_lightning.reports.evaluation.report import ScoreColumn, score_columns
from tests.helpers.evaluation_reports import diagnosis_report, full_report, plain_report

ALL = NamedDiagnosis("all", diagnosis_report())
GROUP = NamedDiagnosis("<i>group", diagnosis_report(0.1))


def test_precision_has_a_line_for_each_column() -> None:
    chart = precision_figure(score_columns(full_report())[:2]).chart
    for style, values in zip(SERIES, (("52.25", "27.25", "4.75"), ("53.25", "28.25", "5.75")), strict=False):
        assert chart.count(f'class="curve {style}"') == 1
        assert all(f": {value} %" in chart for value in values)


def test_thresholds_are_in_order_whatever_the_report_has() -> None:
    report = plain_report() | {"mAP": {"0.95": 0.1, "0.50": 0.3, "average": 0.2}}
    chart = precision_figure(score_columns(report)).chart
    assert chart.index(">0.50<") < chart.index(">0.95<")
    many = plain_report() | {"mAP": {f"{0.5 + 0.05 * step:.2f}": 0.1 for step in range(10)}}
    chart = precision_figure(score_columns(many)).chart
    assert [f">{name}<" in chart for name in ("0.50", "0.55", "0.90", "0.95")] == [True, False, True, True]
    one = precision_figure([ScoreColumn("all", {"mAP": {"0.50": 0.3, "average": 0.3}})]).chart
    assert "0.5: 30.00 %" in one


def test_recall_may_have_any_numbers_of_proposals() -> None:
    chart = recall_figure(full_report()["AR@AN"]).chart
    assert "1: 20.50 %" in chart
    assert "100: 70.00 %" in chart
    assert "5: 50.00 %" in recall_figure({"1": 0.25, "5": 0.5}).chart


def test_outcomes_are_parts_of_columns() -> None:
    figure = error_figure(GROUP)
    assert figure.caption == "Best predictions: <i>group"
    assert figure.chart.count('class="mark part true_positive"') == 10
    assert "1G: confusion, 12.00 %" in figure.chart
    assert "<i>" not in figure.chart


def test_gains_are_coloured_by_type_or_by_group() -> None:
    alone, together = gain_figure([ALL]).chart, gain_figure([ALL, GROUP]).chart
    assert 'class="mark localization"' in alone
    assert alone.count('class="mark ') == 5
    assert together.count('class="mark series-2"') == 5
    assert "localization, &lt;i&gt;group: +13.69 points" in together


def test_buckets_have_a_figure_for_each_characteristic() -> None:
    precision, missed = sensitivity_figures([ALL]), missed_figures([ALL])
    assert [one.caption for one in precision] == [
        f"Normalized mAP by {name}" for name in ("length", "coverage", "count")
    ]
    assert [one.chart.count('class="mark ') for one in (*precision, *missed)] == [5, 5, 4 - 1] * 2
    assert "all, long XS, 100 instances: 11.11 %" in precision[0].chart
    assert "all, long XS, 100 instances: 13.39 %" in missed[0].chart
    assert ">n = 140<" in precision[0].chart
    assert all('class="level mAP_N"' in one.chart for one in precision)


def test_groups_share_figures_and_scale() -> None:
    figures = sensitivity_figures([ALL, GROUP])
    assert [one.chart.count('class="mark series-2"') for one in figures] == [5, 5, 3]
    assert len({one.chart[one.chart.index('class="tick"') :].count(">60 %<") for one in figures}) == 1


def test_ranges_of_neighbours_do_not_touch() -> None:
    diagnosis = diagnosis_report()
    for bucket, text in zip(
        diagnosis["sensitivity"]["length"], ("up to 3 s", "3 to 4.6 s", "4.6 to 7 s"), strict=False
    ):
        bucket["range"] = text
    drawn = str(sensitivity_figures([NamedDiagnosis("all", diagnosis)])[0].chart)
    assert all(f">{text}<" in drawn for text in ("up to 3 s", "3-4.6 s", "4.6-7 s"))
