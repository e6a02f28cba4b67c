from __future__ import annotations

import pytest

from aher_lightning.analyses.annotation_shares import SharePoint, overtaking_share, parse_shares
from aher_lightning.errors import ConfigError

CURVE = [SharePoint(0.1, 0.05), SharePoint(0.5, 0.15), SharePoint(1.0, 0.25)]


def test_points_come_in_order_of_share() -> None:
    scores = {"1.0": 0.25, ".1": 0.05, "5e-1": 0.15}
    assert parse_shares(scores) == CURVE


@pytest.mark.parametrize("share", ["0", "-0.5", "1.01", "10%", "nan", ""])
def test_what_is_no_share_is_refused(share: str) -> None:
    with pytest.raises(ConfigError, match=f"'{share}' is no share of the annotations; give numbers above 0"):
        parse_shares({share: 0.1})


def test_shares_must_be_given_and_differ() -> None:
    with pytest.raises(ConfigError, match="no share of annotations is given"):
        parse_shares({})
    with pytest.raises(ConfigError, match=r"the share 0\.5 is given twice"):
        parse_shares({"0.5": 0.1, "0.50": 0.2})


@pytest.mark.parametrize(
    ("level", "share"), [(0.2, 0.75), (0.1, 0.3), (0.15, 0.5), (0.25, 1.0), (0.26, None), (0.04, 0.1), (0.05, 0.1)]
)
def test_the_share_that_reaches_a_level(level: float, share: float | None) -> None:
    assert overtaking_share(CURVE, level) == (share if share is None else pytest.approx(share))


def test_the_last_crossing_counts() -> None:
    dip = [SharePoint(0.1, 0.2), SharePoint(0.5, 0.1), SharePoint(1.0, 0.3)]
    assert overtaking_share(dip, 0.2) == pytest.approx(0.75)
    assert overtaking_share(dip[:1], 0.2) == 0.1
    assert overtaking_share(dip[:2], 0.2) is None
