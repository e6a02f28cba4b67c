"""The benchmark of added categories leaves out what it says, and measures what it says."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aher_lightning.annotations.activitynet import read_activitynet
from tests.helpers.added import remembering_checkpoint
from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("add_category", monkeypatch)


def write_rendered(folder: Path) -> Path:
    for name in ("videos", "moments"):
        (folder / name).mkdir(parents=True)
    split = {"untrimmed": ["jump"], "moment": ["clap", "nod"]}
    (folder / "split.json").write_text(json.dumps(split), encoding="utf-8")
    one = {"duration": 5.0, "subset": "validation"}
    videos = {
        name: {**one, "annotations": [{"label": label, "segment": [1.0, 2.0]}]}
        for name, label in (("a", "jump"), ("b", "clap"), ("c", "nod"))
    }
    content = {"database": videos, "version": "1", "taxonomy": []}
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_a_category_is_left_out_without_a_trace(benchmark: ModuleType, tmp_path: Path) -> None:
    rendered = write_rendered(tmp_path / "data")
    for arm, moment, videos in (("with", ["nod", "clap"], "abc"), ("without", ["nod"], "ac")):
        for _ in range(2):  # a second run finds everything in place
            benchmark.leave_out(rendered, tmp_path / arm, "clap", arm)
        split = json.loads((tmp_path / arm / "split.json").read_text(encoding="utf-8"))
        assert split["moment"] == moment
        assert list(read_activitynet(tmp_path / arm / "annotations.json")) == list(videos)
        assert (tmp_path / arm / "videos").resolve() == (rendered / "videos").resolve()
    with pytest.raises(SystemExit, match="'jump' is no moment category; there are clap, nod"):
        benchmark.leave_out(rendered, tmp_path / "with", "jump", "with")


def test_training_is_timed_for_every_number(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "TIMED", (1, 3))
    seconds = benchmark.training_seconds(remembering_checkpoint(tmp_path))
    assert list(seconds) == ["1", "3"]
    assert all(value > 0 for value in seconds.values())


def test_a_failing_command_ends_the_benchmark(benchmark: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="aher list-categories --checkpoint=none failed"):
        benchmark.run_command("list-categories", "--checkpoint=none")
    assert "no such checkpoint" in capsys.readouterr().err


def test_every_seed_is_measured_and_the_last_line_is_json(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained: list[Any] = []
    scores = {"with": (0.5, 0.25), "without": (0.125, 0.375)}
    monkeypatch.setattr(benchmark, "train_arms", lambda *words: trained.append(words))
    monkeypatch.setattr(benchmark, "score", lambda *words: scores[words[2]])
    monkeypatch.setattr(benchmark, "add", lambda *words: words[0] / f"added_{words[2]}.ckpt")
    monkeypatch.setattr(benchmark, "logits_are_equal", lambda *words: words[1].name == "added_7.ckpt")
    monkeypatch.setattr(benchmark, "training_seconds", lambda _: dict.fromkeys(("1", "10", "100"), 1.5))
    words = ["--seeds", "3", "4", "--category", "clap", "--clips", "7", "9", "--output", str(tmp_path)]
    benchmark.run([*words, '--overrides=["--iterations=10"]'])
    assert trained == [(tmp_path / f"seed{seed}", seed, "clap", ["--iterations=10"]) for seed in (3, 4)]
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    assert found["category"] == "clap"
    assert [one["seed"] for one in found["results"]] == [3, 4]
    assert found["results"][0]["trained_AP"] == 0.5
    assert found["results"][0]["clips_9"] == {"AP": 0.125, "others_mAP": 0.375, "logits_are_equal": False}
    assert any("classifiers of 100 categories: 1.5 s" in line for line in lines)
    assert sum("NO" in line for line in lines) == 2
