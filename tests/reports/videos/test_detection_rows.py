from __future__ import annotations

import math

import pytest
import torch

from aher_lightning.files.json_files import MalformedError
from aher_lightning.reports.videos.detection_rows import DetectionRow, best_rows, check_rows, detection_rows
from tests.helpers.detection_cases import HARD_LABELS, LOST_LABELS
from tests.helpers.metric_cases import detections

ROW = DetectionRow("wave", 0.5, 1.0, 2.0)


def test_rows_keep_order_and_every_bit() -> None:
    found = detections([[5, 6], [0.1, 7.3]], [0.1, 0.7], [1, 0])
    assert detection_rows(found, ["a", "b"]) == [DetectionRow("b", 0.1, 5.0, 6.0), DetectionRow("a", 0.7, 0.1, 7.3)]
    assert detection_rows(detections([], [], []), []) == []
    rounded = found._replace(scores=found.scores.float())
    assert detection_rows(rounded, ["a", "b"])[0].score == torch.tensor(0.1).item()


def test_detections_that_do_not_fit_are_refused() -> None:
    with pytest.raises(MalformedError, match="prediction 1: label is not among the 1 categories"):
        detection_rows(detections([[1, 2], [1, 2]], [1, 1], [0, 1]), ["a"])
    with pytest.raises(MalformedError, match="prediction 0: segment does not end after its start"):
        detection_rows(detections([[2, 2]], [1], [0]), ["a"])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW._replace(score=math.nan), "segment or score is not finite"),
        (ROW._replace(end_sec=math.inf), "segment or score is not finite"),
        (ROW._replace(end_sec=1.0), "segment does not end after its start"),
        *[
            (ROW._replace(label=label), "is empty, has spaces around it or contains a line break")
            for label in LOST_LABELS
        ],
    ],
)
def test_rows_that_no_text_can_hold_are_refused(row: DetectionRow, message: str) -> None:
    with pytest.raises(MalformedError, match=f"prediction 1: .*{message}") as caught:
        check_rows([ROW, row])
    assert "\n" not in str(caught.value)


def test_hard_names_are_no_reason_to_refuse() -> None:
    rows = [ROW._replace(label=label) for label in HARD_LABELS]
    check_rows(rows)
    assert len({row.label for row in rows}) == len(HARD_LABELS)


def test_the_best_rows() -> None:
    near, far = DetectionRow("nod", 0.9, 1.1, 2.0), DetectionRow("wave", 0.5, 7.0, 8.0)
    assert best_rows([ROW, near, far], top_k=9) == [near, ROW, far]
    assert best_rows([ROW, near, far], top_k=1) == [near]
    assert best_rows([ROW, near, far], top_k=9, max_tiou=0.5) == [near, far]
    assert best_rows([], top_k=9, max_tiou=0.5) == []
