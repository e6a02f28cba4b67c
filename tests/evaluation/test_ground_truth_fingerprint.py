from __future__ import annotations

import pytest

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.evaluation.ground_truth_fingerprint import ground_truth_fingerprint

WAVE, JUMP = Instance("wave", 1.0, 4.0), Instance("jump", 2.5, 9.0)
FIRST = AnnotatedVideo("v1", "validation", 60.0, (WAVE, JUMP))
SECOND = AnnotatedVideo("v2", "validation", 30.0, ())


def test_order_duration_and_subset_make_no_difference() -> None:
    expected = ground_truth_fingerprint([FIRST, SECOND])
    turned = FIRST._replace(instances=(JUMP, WAVE), duration_sec=61.0, subset="test", num_dropped=3)
    assert ground_truth_fingerprint([SECOND, turned]) == expected
    zero = [FIRST._replace(instances=(WAVE._replace(start_sec=0.0),))]
    minus = [FIRST._replace(instances=(WAVE._replace(start_sec=-0.0),))]
    assert ground_truth_fingerprint(zero) == ground_truth_fingerprint(minus)
    assert len(expected) == 12
    assert int(expected, 16) >= 0


def test_the_name_stays_the_same_for_ever() -> None:
    # Papers may quote it, so it must not change with the version of anything.
    assert ground_truth_fingerprint([FIRST, SECOND]) == "7ee97d148bca"


@pytest.mark.parametrize(
    "other",
    [
        [FIRST],
        [FIRST, SECOND._replace(video_id="v3")],
        [FIRST._replace(instances=(WAVE,)), SECOND],
        [FIRST._replace(instances=(WAVE, JUMP, JUMP)), SECOND],
        [FIRST._replace(instances=(WAVE, JUMP._replace(label="Jump"))), SECOND],
        [FIRST._replace(instances=(WAVE, JUMP._replace(end_sec=9.0000001))), SECOND],
        [FIRST._replace(instances=(WAVE,)), SECOND._replace(instances=(JUMP,))],
    ],
)
def test_videos_and_instances_make_a_difference(other: list[AnnotatedVideo]) -> None:
    assert ground_truth_fingerprint(other) != ground_truth_fingerprint([FIRST, SECOND])
