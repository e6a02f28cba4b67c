from __future__ import annotations

import pytest

from aher_lightning.reports.evaluation.protocol import exclusion_lines, protocol_line, skipped_line, thresholds_text
from tests.helpers.evaluation_reports import protocol_report


@pytest.mark.parametrize(
    ("thresholds", "text"),
    [
        ([], "none"),
        ([0.5], "0.50"),
        ([0.5, 0.6, 0.7], "0.50, 0.60, 0.70"),
        ([0.5, 0.6, 0.7, 0.8], "0.50:0.10:0.80"),
        ([0.5 + 0.05 * step for step in range(10)], "0.50:0.05:0.95"),
        ([0.1, 0.2, 0.3, 0.5], "0.10, 0.20, 0.30, 0.50"),
        ([0.125, 0.25, 0.375, 0.5], "0.125:0.125:0.50"),
    ],
)
def test_equally_spaced_thresholds_are_a_range(thresholds: list[float], text: str) -> None:
    assert thresholds_text(thresholds) == text


def test_the_line_has_what_the_name_does_not_say() -> None:
    protocol = protocol_report()
    assert protocol_line(protocol) == "protocol plain, subset validation"


def test_what_is_left_out_is_named() -> None:
    protocol = protocol_report()
    assert exclusion_lines(protocol) == []
    assert exclusion_lines(protocol | {"blocked_videos": 1, "excluded_categories": ["a"]}) == [
        "1 video is excluded and not scored",
        "1 category is excluded: a",
    ]
    assert exclusion_lines(protocol | {"blocked_videos": 3, "excluded_categories": ["a", "b"]}) == [
        "3 videos are excluded and not scored",
        "2 categories are excluded: a, b",
    ]
    assert skipped_line({"unknown label": 1}) == "1 row skipped: unknown label (1)"
