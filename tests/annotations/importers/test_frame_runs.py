from __future__ import annotations

import pytest

from aher_lightning.annotations.importers.frame_runs import runs_between_marks, runs_of_neighbours

Runs = list[tuple[int, int]]


@pytest.mark.parametrize(
    ("marks", "step", "runs"),
    [
        ([], 1, []),
        ([(3, False)], 1, []),
        ([(3, True)], 1, [(3, 4)]),
        ([(3, True), (4, False)], 1, [(3, 4)]),
        ([(9, True), (0, True), (5, False)], 4, [(0, 5), (9, 13)]),
        ([(0, False), (2, True), (4, True), (6, False), (8, False)], 2, [(2, 6)]),
    ],
)
def test_visible_from_a_mark_to_the_next_that_says_otherwise(
    marks: list[tuple[int, bool]], step: int, runs: Runs
) -> None:
    assert list(runs_between_marks(marks, step)) == runs


@pytest.mark.parametrize(
    ("frames", "step", "runs"),
    [
        ([], 1, []),
        ([0], 1, [(0, 1)]),
        ([2, 1, 1, 4], 1, [(1, 3), (4, 5)]),
        ([0, 5, 10, 20], 5, [(0, 15), (20, 25)]),
        ([0, 10**12], 1, [(0, 1), (10**12, 10**12 + 1)]),
    ],
)
def test_neighbours_are_joined(frames: list[int], step: int, runs: Runs) -> None:
    assert list(runs_of_neighbours(frames, step)) == runs


def test_runs_cover_exactly_the_frames() -> None:
    frames = [number for number in range(60) if number % 7 not in {2, 3}]
    covered = [frame for first, end in runs_of_neighbours(frames, 1) for frame in range(first, end)]
    assert covered == frames
