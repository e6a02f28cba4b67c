"""The ablation benchmark runs what it says, once, by commands that parse, and averages over seeds."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aher_lightning.annotations.activitynet import write_activitynet
from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.cli.main import main
from tests.helpers.benchmarks import load_benchmark

CATEGORIES = ("nod", "roll")
"""Moment categories of the miniature."""

VIDEOS = [
    AnnotatedVideo(f"v{number}", "validation", 20.0, (Instance(CATEGORIES[number % 2], 2.0, 12.0),))
    for number in range(6)
]
"""Test videos of the miniature, one instance each."""

METRICS = {"mAP": 0.2, "mAP@0.50": 0.3, "mAP@0.75": 0.2, "mAP@0.95": 0.1, "AUC": 0.5}
ORACLES = {"oracle_labels/mAP": 0.75, "oracle_segments/mAP": 1.0}


@pytest.fixture
def ablation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("ablation", monkeypatch)


def write_data(root: Path) -> None:
    """Write annotations and split of a rendered benchmark."""
    root.mkdir(parents=True)
    write_activitynet(root / "annotations.json", VIDEOS)
    (root / "split.json").write_text(json.dumps({"untrimmed": ["hop"], "moment": CATEGORIES}), encoding="utf-8")


def write_found(path: Path, right: Sequence[int]) -> None:
    """Write predictions that find the instances of some videos, and something else in the others."""
    found = {}
    for number, video in enumerate(VIDEOS):
        segment = [2.0, 12.0] if number in right else [14.0, 18.0]
        found[video.video_id] = [{"label": video.instances[0].label, "score": 0.9 - number / 100, "segment": segment}]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"results": found}), encoding="utf-8")


def options_of(words: Sequence[str]) -> dict[str, str]:
    """Options of a command by name; the last one wins."""
    return dict(word.removeprefix("--").split("=", 1) for word in words[1:])


@pytest.fixture
def asked(ablation: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:  # noqa: ARG001 - imports first
    """The commands of a run in which each succeeds at once; scores grow with the seed, AherNet finds one video more."""
    commands: list[list[str]] = []

    def pretend(words: Sequence[str]) -> int:
        commands.append(list(words))
        options = options_of(words)
        if words[0] == "render":
            write_data(Path(options["output"]))
        elif words[0] == "test":
            folder, seed = Path(options["trainer.default_root_dir"]), int(options["seed_everything"])
            scores = {f"test/{key}": value + seed / 100 for key, value in (METRICS | ORACLES).items()}
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")
            write_found(folder / "predictions.json", range(3 if folder.name.startswith("ahernet_test") else 2))
        return 0

    monkeypatch.setattr(sys.modules["training_runs"], "main", pretend)
    return commands


def rows_of(lines: Sequence[str]) -> list[list[str]]:
    """Cells of all table rows."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]


def test_every_system_with_both_decodings_and_differences(
    ablation: ModuleType, asked: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablation.run(["--seeds", "0", "1", "--output", str(tmp_path), "--resamples", "200"])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("[run ") for line in lines) == len(asked) == 2 * 31
    assert any(line.startswith("[run 62 of 62, ") and line.endswith("ahernet_star_stage0_test_paper") for line in lines)
    rows = rows_of(lines)
    assert len(rows) == 2 * (10 + 10) + 2 * 9
    assert rows[0] == ["chance", "20.5 ±0.7", "30.5 ±0.7", "20.5 ±0.7", "10.5 ±0.7"]
    assert rows[10 + 7] == ["AherNet", "50.5 ±0.7", "75.5 ±0.7", "100.5 ±0.7"]
    assert rows[-1][0] == "AherNet* from stage 0"
    assert rows[-1][1].startswith("+16.7 (")
    line, everything = json.loads(lines[-1]), json.loads((tmp_path / "results.json").read_text())
    assert line["systems"].keys() == everything["systems"].keys() == ablation.SYSTEMS.keys()
    assert line["systems"]["ahernet"]["paper"]["mean"]["mAP"] == pytest.approx(0.205)
    ours = everything["systems"]["ahernet"]["decodings"]["demo"]
    assert ours["seeds"]["1"]["oracle_labels/mAP"] == pytest.approx(0.76)
    assert ours["deviation"]["AUC"] == pytest.approx(statistics.stdev([0.5, 0.51]))
    difference = everything["differences"]["demo"]["ahernet_minus"]["mAP@0.50"]
    assert difference["seeds"] == pytest.approx({"0": 1 / 6, "1": 1 / 6})
    assert 0 <= difference["low"] < difference["mean"] < difference["high"]
    run = everything["runs"]["1"]["ahernet"]
    assert '--model.initial_weights=["stage0/last.ckpt"]' in run["command"]
    assert run["seconds"] >= 0
    assert everything["minutes"].keys() == {"0", "1"}


def test_what_systems_start_from(ablation: ModuleType, asked: list[list[str]], tmp_path: Path) -> None:
    ablation.ablation(seeds=[1], output=tmp_path, overrides=["--data.batch_size=4"], resamples=2)
    seed = tmp_path / "seed1"
    by_folder = {Path(options_of(words).get("trainer.default_root_dir", "-")).name: words for words in asked}

    def starts(name: str) -> tuple[list[str], list[str]]:
        words = by_folder[name]
        weights = json.loads(options_of(words)["model.initial_weights"])
        overlays = [word.partition("=")[2] for word in words if word.startswith("--config=")][1:]
        return overlays, [Path(one).relative_to(seed).parent.name for one in weights]

    generated = "variants/generated.yaml"
    assert starts("stage0") == (["demo_stage0.yaml"], ["recognition"])
    assert starts("ahernet") == ([], ["stage0"])
    assert starts("ahernet_paper") == ([generated], ["stage0"])
    assert starts("contexts") == ([generated, "variants/contexts.yaml"], ["stage0"])
    assert starts("ahernet_a_minus") == ([generated, "variants/ahernet_a_minus.yaml"], ["contexts"])
    assert starts("ahernet_m") == (["variants/ahernet_m.yaml"], ["recognition"])
    assert starts("ahernet_star") == (["variants/ahernet_star.yaml"], ["recognition"])
    assert starts("ahernet_star_stage0") == (["variants/ahernet_star.yaml"], ["stage0"])
    iterations = {name: options_of(words).get("iterations") for name, words in by_folder.items()}
    assert iterations["ahernet_star_stage0"] == iterations["ahernet"] == str(ablation.DEMO.aher)
    assert iterations["ahernet_star"] == iterations["ahernet_m"] == iterations["stage0"] == str(ablation.DEMO.stage0)
    assert starts("chance_test") == starts("ahernet_minus_test")
    assert starts("ahernet_minus_test") == (["variants/ahernet_minus.yaml"], ["recognition", "stage0"])
    assert starts("ahernet_test_paper") == (["variants/paper_decoding.yaml"], [])
    assert "--model.proposals=random" in by_folder["chance_test_paper"]
    assert f"--ckpt_path={seed / 'recognition/last.ckpt'}" in by_folder["ahernet_0_test"]
    assert "ahernet_0_test_paper" not in by_folder
    assert "--moment-training-videos=160" in asked[0]
    for words in asked:
        assert ("--data.batch_size=4" in words) == ("--ckpt_path=last" in words) == (words[0] == "fit")
    features = {options_of(words).get("data.features.root") for words in asked if words[0] in {"fit", "test"}}
    assert features == {None, str(seed / "extract/features")}
    assert "data.features.root" not in options_of(by_folder["recognition"])


def test_finished_runs_are_not_repeated_and_interrupted_ones_are(
    ablation: ModuleType, asked: list[list[str]], tmp_path: Path
) -> None:
    chosen: dict[str, Any] = {"seeds": [1], "output": tmp_path, "systems": ["ahernet_0", "ahernet"], "resamples": 2}
    ablation.ablation(**chosen)
    assert [words[0] for words in asked] == ["render", "fit", "extract", "fit", "test", "fit", "test", "test"]
    path = tmp_path / "seed1/ahernet/result.json"
    finished = json.loads(path.read_text())
    asked.clear()
    ablation.ablation(**chosen)
    assert not asked
    path.write_text(json.dumps({key: value for key, value in finished.items() if key != "seconds"}))  # as when killed
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "seed1").rename(moved / "seed1")
    ablation.ablation(**(chosen | {"output": moved}))
    assert [words[0] for words in asked] == ["fit"]
    assert json.loads((moved / "seed1/ahernet/result.json").read_text())["seconds"] >= 0


def test_what_was_run_otherwise_is_refused_before_anything_runs(
    ablation: ModuleType, asked: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: dict[str, Any] = {"seeds": [1, 3], "output": tmp_path, "systems": ["ahernet"], "resamples": 2}
    ablation.ablation(**chosen)
    asked.clear()
    with pytest.raises(SystemExit) as refusal:
        ablation.ablation(**chosen, overrides=["--iterations=7"])
    lines = str(refusal.value).splitlines()
    assert lines[0] == f"{tmp_path}/seed1/recognition: was run with fewer options, not --iterations=7"
    assert f"{tmp_path}/seed3/ahernet_test_paper: was run on another result of extract, ahernet" in lines
    assert lines[-1] == "remove these folders to repeat their runs, or give another --output"
    with pytest.raises(SystemExit, match=r"seed1/render: was run with --moment-training-videos=160, not .*=260"):
        ablation.ablation(**chosen, full=True)
    changed = tmp_path / "demo_stage0.yaml"  # a local file comes before the shipped one
    changed.write_text("iterations: 3\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as refusal:
        ablation.ablation(**chosen)
    lines = str(refusal.value).splitlines()
    assert lines[0] == f"{tmp_path}/seed1/stage0: was run with another demo_stage0.yaml"
    assert lines[1] == f"{tmp_path}/seed1/ahernet: was run on another result of stage0"
    assert not asked


def test_transfer_functions_have_a_stage_0_each(ablation: ModuleType) -> None:
    runs = {run.name: run for run in ablation.plan(ablation.FULL, list(ablation.EVERY_SYSTEM))}
    assert len(ablation.TRANSFERS) == 6
    for name in ablation.TRANSFERS:
        overlay = f"variants/transfer/{name}.yaml"
        assert runs[f"stage0_{name}"].configs == ("demo.yaml", overlay, "demo_stage0.yaml")
        assert runs[name].configs == ("demo.yaml", overlay)
        assert runs[name].weights == (f"stage0_{name}",)
        assert runs[f"{name}_test_paper"].checkpoint == name
    assert f"--iterations={2 * ablation.DEMO.aher}" in runs["3fc_elu"].options
    alone = [run.name for run in ablation.plan(ablation.DEMO, ["1fc_elu"])]
    assert alone == [
        "render",
        "recognition",
        "extract",
        "stage0_1fc_elu",
        "1fc_elu",
        "1fc_elu_test",
        "1fc_elu_test_paper",
    ]


def test_one_seed_without_ahernet_has_neither_deviations_nor_differences(
    ablation: ModuleType, asked: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablation.run(["--seeds", "1", "--output", str(tmp_path), "--systems", "chance", "ahernet_m"])
    lines = capsys.readouterr().out.splitlines()
    assert rows_of(lines)[1] == ["AherNet_M", "21.0", "31.0", "21.0", "11.0"]
    assert len(rows_of(lines)) == 8
    found = json.loads(lines[-1])
    assert found["differences"] == {}
    assert found["systems"]["chance"]["demo"]["deviation"]["mAP"] is None
    assert {words[0] for words in asked} == {"render", "extract", "fit", "test"}


def test_failures_end_the_benchmark(ablation: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys.modules["training_runs"], "main", lambda _: 1)
    with pytest.raises(SystemExit, match="aher render failed; fix the reported error"):
        ablation.ablation(seeds=[1], output=tmp_path)
    with pytest.raises(SystemExit, match="no system AherNet; there are chance, ahernet_0"):
        ablation.ablation(seeds=[1], output=tmp_path, systems=["AherNet"])


def test_intervals_resample_the_videos_of_each_seed(ablation: ModuleType, tmp_path: Path) -> None:
    right: Mapping[str, Mapping[int, Sequence[int]]] = {
        "ours": {0: range(4), 1: range(6)},
        "same": {0: range(4), 1: range(6)},
        "none": {0: [], 1: []},
    }
    for seed in (0, 1):
        write_data(tmp_path / f"data{seed}")
        for name, by_seed in right.items():
            write_found(tmp_path / f"{name}{seed}" / "predictions.json", by_seed[seed])
    folders = {name: {seed: tmp_path / f"{name}{seed}" for seed in (0, 1)} for name in right}
    data = {seed: tmp_path / f"data{seed}" for seed in (0, 1)}
    found = ablation.compare("ours", folders, data, 300)
    assert found.keys() == {"same", "none"}
    same, other = found["same"]["mAP"], found["none"]["mAP"]
    assert (same["mean"], same["low"], same["high"], same["fraction_better"]) == (0.0, 0.0, 0.0, 0.0)
    # Two of three videos of each category with seed 0, ranked first; all of them with seed 1, whatever is drawn.
    assert other["seeds"] == pytest.approx({0: 2 / 3, 1: 1.0})
    assert other["mean"] == pytest.approx(5 / 6)
    assert 0.5 < other["low"] < 5 / 6 < other["high"] <= 1.0
    assert other["fraction_better"] == 1.0
    assert found == ablation.compare("ours", folders, data, 300)


@pytest.mark.slow
def test_every_configuration_parses_as_it_is_run(
    ablation: ModuleType, tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = ablation.Bench(tmp_path, 1, ablation.plan(ablation.DEMO, list(ablation.SYSTEMS)))
    bench.data().parent.mkdir()
    bench.data().symlink_to(tiny_benchmark)
    # One command of each configuration; what tests and trainings add is the same for all.
    distinct = {(run.configs, "--model.proposals=random" in run.options): run for run in bench.runs}
    assert {run.verb for run in distinct.values()} == {"render", "fit", "extract", "test"}
    for run in distinct.values():
        if run.verb in {"fit", "test"}:
            checked = [word for word in bench.words(run) if not word.startswith("--ckpt_path")]
            assert main([*checked, "--print_config"]) == 0, checked
            assert str(bench.data()) in capsys.readouterr().out
