from __future__ import annotations

from typing import Any

import pytest

from aher_lightning.errors import ConfigError
from aher_lightning.rendering.plan import GROUPS, BenchmarkParameters, list_videos

SMALL = BenchmarkParameters(
    untrimmed_categories=2,
    moment_categories=3,
    training_videos=5,
    moments_per_category=2,
    validation_videos=4,
    untrimmed_validation_videos=1,
    moment_training_videos=2,
)


def test_all_videos_are_listed_once() -> None:
    tasks = list_videos(SMALL)

    assert len(tasks) == 5 + 3 * 2 + 4 + 1 + 2
    assert len({task.video_id for task in tasks}) == len({task.path for task in tasks}) == len(tasks)
    assert {task.group for task in tasks} == set(GROUPS)


def test_categories_take_turns() -> None:
    categories = [task.category for task in list_videos(SMALL) if task.group == "un_train"]

    assert categories == [0, 1, 0, 1, 0]
    assert [category.name for category in SMALL.categories("un_val")] == ["circling_clockwise", "zigzagging"]
    assert len(SMALL.categories("am_train")) == len(SMALL.categories("moment")) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"untrimmed_categories": 99}, "untrimmed_categories is 99: choose a value from 1 to"),
        ({"moment_categories": 0}, "moment_categories is 0"),
        ({"training_videos": -1}, "training_videos is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"width": 97}, "width is 97: H.264 needs an even number, choose 98"),
        ({"min_duration_sec": 40.0, "max_duration_sec": 30.0}, "min_duration_sec 40.0 is above"),
        ({"max_duration_sec": float("nan")}, "max_duration_sec is nan"),
    ],
)
def test_impossible_parameters_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BenchmarkParameters(**changes)
