from __future__ import annotations

import pytest

from aher_lightning.evaluation.protocol import PROTOCOLS


def test_the_thresholds_are_those_of_the_field() -> None:
    activitynet, thumos = PROTOCOLS["activitynet"], PROTOCOLS["thumos14"]
    assert activitynet.thresholds == activitynet.recall_thresholds
    assert activitynet.thresholds == pytest.approx([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
    assert thumos.thresholds == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])
    assert thumos.recall_thresholds == pytest.approx([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0])
    assert thumos.recall_thresholds[-1] == 1.0
    assert (activitynet.subset, thumos.subset) == ("validation", "test")
    assert (activitynet.excluded_categories, thumos.excluded_categories) == ((), ("Ambiguous",))


def test_a_changed_protocol_has_another_name() -> None:
    protocol = PROTOCOLS["thumos14"]
    assert protocol.changed() == protocol
    both = protocol.changed(thresholds=[0.75, 0.5], class_agnostic=True)
    assert both.name == "thumos14 (tIoU 0.75, 0.50; class-agnostic)"
    assert (both.thresholds, both.recall_thresholds, both.class_agnostic) == ((0.75, 0.5), (0.75, 0.5), True)
    assert both.excluded_categories == ("Ambiguous",)
    assert both.of_categories(["moment"]).name == "thumos14 (tIoU 0.75, 0.50; class-agnostic; categories: moment)"
    assert protocol.of_categories([]) == protocol
    with pytest.raises(ValueError, match="tIoU thresholds must be one or more distinct numbers"):
        protocol.changed(thresholds=[0.5, 0.5])


def test_errors_are_told_apart_at_one_half_where_that_is_a_threshold() -> None:
    assert [protocol.diagnosed_threshold for protocol in PROTOCOLS.values()] == [0.5, 0.5]
    assert PROTOCOLS["activitynet"].changed(thresholds=[0.75, 0.6]).diagnosed_threshold == 0.6
