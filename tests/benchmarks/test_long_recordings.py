"""The benchmark of long recordings differs in windows alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from aher_lightning.cli.main import main
from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def long_recordings(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("long_recordings", monkeypatch)


def test_both_ways_differ_in_windows_alone(
    long_recordings: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []

    def pretend(words: Sequence[str]) -> int:
        asked.append(list(words))
        if words[0] == "test":
            (folder,) = (Path(word.split("=", 1)[1]) for word in words if word.startswith("--trainer.default_root"))
            folder.mkdir(parents=True, exist_ok=True)
            score = 0.5 if "windows" in folder.name else 0.25
            content = {f"test/{name}": score for name in long_recordings.METRICS}
            (folder / "metrics.json").write_text(json.dumps(content), encoding="utf-8")
        return 0

    monkeypatch.setattr(sys.modules["training_runs"], "main", pretend)
    long_recordings.run(["--seeds", "4", "--output", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    assert [found["ways"][name]["4"]["mAP"] for name in ("whole", "windows")] == [0.25, 0.5]
    assert any(line.startswith("│") and "windows" in line and "50.0" in line for line in lines)
    by_way = [[words for words in asked[3:] if ("--data.window_sec=auto" in words) is cut] for cut in (False, True)]
    renamed = [
        [[word.replace("windows", "whole") for word in words if word != "--data.window_sec=auto"] for words in way]
        for way in by_way
    ]
    assert [words[0] for words in renamed[0]] == ["fit", "fit", "test"]
    assert renamed[0] == renamed[1]


@pytest.mark.slow
def test_the_test_parses_as_it_is_run(
    long_recordings: ModuleType, tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = long_recordings.plan([])
    bench = long_recordings.Bench(tmp_path, 1, runs)
    bench.data().parent.mkdir()
    bench.data().symlink_to(tiny_benchmark)
    words = [word for word in bench.words(runs[-1]) if not word.startswith("--ckpt_path")]
    assert main([*words, "--print_config"]) == 0
    printed = capsys.readouterr().out
    assert "window_sec: auto" in printed
    assert "exponent: 0.0" in printed
