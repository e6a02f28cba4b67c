from __future__ import annotations

import pytest
import torch

from aher_lightning.analyses.timeline_bars import TimelineBar, assign_lanes, detection_bars, ground_truth_bars
from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.structures import Detections

FOUND = Detections(
    torch.tensor([[0.0, 4.0], [0.0, 5.0], [6.0, 8.0], [3.0, 9.0]], dtype=torch.float64),
    torch.tensor([0.5, 0.9, 0.4, 0.1], dtype=torch.float64),
    torch.tensor([0, 1, 0, 1]),
)
NAMES = ["nod", "wave"]


def spans(bars: list[TimelineBar]) -> list[tuple[float, float]]:
    return [(bar.start, bar.end) for bar in bars]


def test_instances_are_cut_to_the_video() -> None:
    video = AnnotatedVideo("v", "validation", 10.0, (Instance("nod", 1.0, 2.0), Instance("wave", 9.0, 11.0)))
    assert ground_truth_bars(video) == [
        TimelineBar("v", "ground truth", 1.0, 2.0, "nod", None),
        TimelineBar("v", "ground truth", 9.0, 10.0, "wave", None),
    ]


def test_the_best_of_overlapping_detections_is_shown() -> None:
    bars = detection_bars("v", "AherNet", FOUND, NAMES)
    assert bars[0] == TimelineBar("v", "AherNet", 0.0, 5.0, "wave", 0.9)
    assert spans(bars) == [(0.0, 5.0), (6.0, 8.0), (3.0, 9.0)]  # [0, 4] overlaps the first one by 0.8
    assert len(detection_bars("v", "AherNet", FOUND, NAMES, max_tiou=1.0)) == 4
    assert len(detection_bars("v", "AherNet", FOUND, NAMES, max_tiou=0.0)) == 2


def test_few_and_good_ones_are_shown() -> None:
    assert spans(detection_bars("v", "a", FOUND, NAMES, top_k=2)) == [(0.0, 5.0), (6.0, 8.0)]
    assert spans(detection_bars("v", "a", FOUND, NAMES, min_score=0.4)) == [(0.0, 5.0), (6.0, 8.0)]
    assert detection_bars("v", "a", FOUND, NAMES, min_score=0.95) == []
    assert detection_bars("v", "a", Detections(*(field[:0] for field in FOUND)), NAMES) == []


@pytest.mark.parametrize("seed", range(3))
def test_no_span_hides_another(seed: int) -> None:
    drawn = torch.rand(30, 2, generator=torch.Generator().manual_seed(seed)).sort(dim=1).values.tolist()
    lanes = assign_lanes([(start, end) for start, end in drawn])
    assert lanes[0] == 0
    for one in range(30):
        for other in range(one):
            is_apart = drawn[one][1] <= drawn[other][0] or drawn[other][1] <= drawn[one][0]
            assert is_apart or lanes[one] != lanes[other]
        # The lane is the first one that was free.
        for lane in range(lanes[one]):
            taken = [place for place in range(one) if lanes[place] == lane]
            assert any(drawn[one][1] > drawn[place][0] and drawn[place][1] > drawn[one][0] for place in taken)


def test_spans_that_touch_share_a_lane() -> None:
    assert assign_lanes([(2.0, 3.0), (0.0, 2.0), (3.0, 4.0)]) == [0, 0, 0]
    assert assign_lanes([]) == []
