"""The benchmark of amounts of data trains on what it says, and shares the runs of the ablation."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def what_matters(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("what_matters", monkeypatch)


@pytest.fixture
def asked(what_matters: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of a run in which each succeeds at once; the average mAP of a test is a hundredth of its number."""
    commands: list[list[str]] = []

    def pretend(words: Sequence[str]) -> int:
        commands.append(list(words))
        if words[0] == "test":
            folder = Path(value(words, "trainer.default_root_dir"))
            folder.mkdir(parents=True, exist_ok=True)
            number = sum(one[0] == "test" for one in commands)
            content = {f"test/{name}": number / 100 for name in what_matters.METRICS}
            (folder / "metrics.json").write_text(json.dumps(content), encoding="utf-8")
        return 0

    monkeypatch.setattr(sys.modules["training_runs"], "main", pretend)
    return commands


def value(words: Sequence[str], name: str) -> str:
    """The last value of an option."""
    return [word for word in words if word.startswith(f"--{name}=")][-1].split("=", 1)[1]


def test_amounts_differ_in_what_they_say(
    what_matters: ModuleType, asked: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    what_matters.run(["--seeds", "4", "--output", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert [row[:4] for row in rows] == [
        ["5", "160", "2.0", "2.0"],
        ["15", "160", "3.0", "3.0"],
        ["60", "160", "1.0", "1.0"],
        ["60", "40", "4.0", "4.0"],
        ["60", "10", "5.0", "5.0"],
    ]
    found = json.loads(lines[-1])
    assert found["amounts"][3]["seeds"]["4"]["mAP"] == 0.04
    rendered = [words for words in asked if words[0] == "render"]
    assert [words[3:5] for words in rendered[1:3]] == [
        ["--moments-per-category=5", "--videos=160"],
        ["--moments-per-category=15", "--videos=160"],
    ]
    trained = {
        value(words, "trainer.default_root_dir").rpartition("/")[2]: words for words in asked if words[0] == "fit"
    }
    few = str(tmp_path / "seed4" / "render_clips60_videos10" / "data")
    assert {name for name, words in trained.items() if value(words, "data.root") == few} == {
        "stage0_clips60_videos10",
        "ahernet_clips60_videos10",
    }
    assert "stage0_clips60_videos10" in value(trained["ahernet_clips60_videos10"], "model.initial_weights")
    assert "/stage0/last.ckpt" in value(trained["ahernet_clips5_videos160"], "model.initial_weights")
    assert {value(words, "data.features.root") for name, words in trained.items() if name != "recognition"} == {
        str(tmp_path / "seed4" / "extract" / "features")
    }


def test_runs_of_the_ablation_are_taken_over(what_matters: ModuleType, asked: list[list[str]], tmp_path: Path) -> None:
    what_matters.run(["--seeds", "4", "--output", str(tmp_path)])
    before = len(asked)
    runs = what_matters.plan(what_matters.DEMO, ["ahernet"])
    bench = what_matters.Bench(tmp_path / "seed4", 4, runs)
    assert [run.name for run in runs if not bench.is_finished(run)] == ["ahernet_test_paper"]
    assert not list(bench.outdated())
    what_matters.run(["--seeds", "4", "--output", str(tmp_path)])
    assert len(asked) == before
