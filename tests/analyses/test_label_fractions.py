from __future__ import annotations

import pytest

from aher_lightning.analyses.label_fractions import FractionPoint, overtaking_fraction, parse_fractions
from aher_lightning.errors import ConfigError

CURVE = [FractionPoint(0.1, 0.05), FractionPoint(0.5, 0.15), FractionPoint(1.0, 0.25)]


def test_points_come_in_order_of_fraction() -> None:
    scores = {"1.0": 0.25, ".1": 0.05, "5e-1": 0.15}
    assert parse_fractions(scores) == CURVE


@pytest.mark.parametrize("fraction", ["0", "-0.5", "1.01", "10%", "nan", ""])
def test_what_is_no_label_fraction_is_refused(fraction: str) -> None:
    with pytest.raises(ConfigError, match=f"'{fraction}' is not a label fraction; give numbers above 0"):
        parse_fractions({fraction: 0.1})


def test_fractions_must_be_given_and_differ() -> None:
    with pytest.raises(ConfigError, match="no label fraction is given"):
        parse_fractions({})
    with pytest.raises(ConfigError, match=r"the label fraction 0\.5 is given twice"):
        parse_fractions({"0.5": 0.1, "0.50": 0.2})


@pytest.mark.parametrize(
    ("level", "fraction"), [(0.2, 0.75), (0.1, 0.3), (0.15, 0.5), (0.25, 1.0), (0.26, None), (0.04, 0.1), (0.05, 0.1)]
)
def test_the_fraction_that_reaches_a_level(level: float, fraction: float | None) -> None:
    assert overtaking_fraction(CURVE, level) == (fraction if fraction is None else pytest.approx(fraction))


def test_the_last_crossing_counts() -> None:
    dip = [FractionPoint(0.1, 0.2), FractionPoint(0.5, 0.1), FractionPoint(1.0, 0.3)]
    assert overtaking_fraction(dip, 0.2) == pytest.approx(0.75)
    assert overtaking_fraction(dip[:1], 0.2) == 0.1
    assert overtaking_fraction(dip[:2], 0.2) is None
