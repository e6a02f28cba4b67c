"""The benchmark of extraction kills when it says, and finds what a kill would leave."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("extraction", monkeypatch)


@pytest.mark.slow
def test_a_few_kills_from_start_to_end(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark.run(["--kills", "5", "--videos", "3", "--output", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    assert (found["kills"], found["equal"], found["orphans"]) == (5, True, 0)
    assert found["killed_alive"] >= 3
    assert set(found["videos_per_second"]) == {"1", "2"}
    assert sum(name in "\n".join(lines) for name in ("starting", "decoding", "writing", "recording", "merging")) == 5


def test_kills_are_the_same_in_every_run_and_of_every_kind(benchmark: ModuleType) -> None:
    kills = benchmark.draw_kills(20, 2.0, 30)
    assert {kill.phase for kill in kills} == {"starting", "decoding", "writing", "recording", "merging"}
    assert {kill.num_processes for kill in kills} == {1, 2}
    again = benchmark.draw_kills(20, 2.0, 30)
    missing = Path("nowhere")
    for seconds in (0.1, 0.3, 1.0, 1.9):
        due = [kill.is_due(missing, seconds) for kill in kills]
        assert due == [kill.is_due(missing, seconds) for kill in again]
        assert not any(due[place] for place in range(20) if place % 5 >= 2)
    assert all(kill.is_due(missing, 2.0) for kill in kills if kill.phase in {"starting", "decoding"})


def test_a_kill_waits_for_the_files_of_its_phase(benchmark: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "entries").mkdir()
    assert not benchmark.is_writing(tmp_path, 0)
    (tmp_path / ".a.tmp").touch()
    assert benchmark.is_writing(tmp_path, 0)
    assert not benchmark.is_writing(tmp_path, 1)
    assert not benchmark.is_recording(tmp_path, 0)
    (tmp_path / "entries" / ".a.tmp").touch()
    assert benchmark.is_recording(tmp_path, 0)
    _, is_merging = benchmark.phase(4, 0.5, 1.0, 0)
    assert not is_merging(tmp_path, 9.0)
    (tmp_path / "manifest.lock").touch()
    assert is_merging(tmp_path, 0.0)


def test_a_difference_or_an_orphan_ends_the_benchmark(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.npy").write_bytes(b"1")
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "a").touch()
    expected = {"a.npy": benchmark.contents(tmp_path)["a.npy"], "b.npy": "0"}
    monkeypatch.setattr(benchmark, "interrupt", lambda *_arguments: True)
    monkeypatch.setattr(benchmark, "complete", lambda *_arguments: 0.0)
    monkeypatch.setattr(benchmark.shutil, "rmtree", lambda *_arguments, **_options: None)
    kill = benchmark.Kill("merging", lambda *_arguments: True, 2)
    assert benchmark.try_kill(kill, [], tmp_path, expected) == ("merging, two processes", True, 1, False, 1)
    assert "merging: equal False, left over ['claims/a']" in capsys.readouterr().out
