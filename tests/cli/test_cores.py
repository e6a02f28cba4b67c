from __future__ import annotations

import os

import pytest

from aher_lightning.cli.cores import count_cores


def test_only_cores_that_this_process_may_use_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 3, 5}, raising=False)
    assert count_cores() == 3


@pytest.mark.parametrize(("told", "count"), [(4, 4), (None, 1)])
def test_all_cores_count_where_nothing_else_is_known(monkeypatch: pytest.MonkeyPatch, told: int, count: int) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: told)
    assert count_cores() == count
