"""The benchmark on real recordings trains and tests by public commands, on what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from aher_lightning.annotations.activitynet import read_activitynet, write_activitynet
from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.features.array_folder import ArrayFolderStore
from tests.helpers.benchmarks import load_benchmark
from tests.helpers.published import write_manifest
from tests.helpers.real_data import real_data

SPLIT = {"untrimmed": ["duck", "kick"], "moment": ["bow", "push"]}
"""Gestures of the miniature."""

CONTRACT = {"fps": 30, "clip_length": 10, "snippet_stride": 5, "first_centre_frames": 5}
DURATION_SEC = 12.0
NUM_SNIPPETS = 71


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("msrc12", monkeypatch)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of each gesture for training and one for the test, in the layout of the real data."""
    root = tmp_path_factory.mktemp("recordings")
    generator = np.random.default_rng(0)
    instances = [(1.0, 4.0), (3.9, 7.0), (8.0, 11.0)]
    videos = [
        AnnotatedVideo(f"{label}_{number}", subset, DURATION_SEC, tuple(Instance(label, *one) for one in instances))
        for label in (*SPLIT["untrimmed"], *SPLIT["moment"])
        for number, subset in enumerate(("training", "training", "validation"))
    ]
    moments = [one for one in videos if one.subset == "training" and one.instances[0].label in SPLIT["moment"]]
    write_activitynet(root / "annotations_un_am.json", [one for one in videos if one not in moments])
    write_activitynet(root / "moments_am.json", moments)
    (root / "un_am_split.json").write_text(json.dumps(SPLIT), encoding="utf-8")
    durations = {one.video_id: DURATION_SEC for one in videos}
    write_manifest(root / "features", "npy", channels=120, contract=CONTRACT, durations_sec=durations)
    for video_id in durations:
        values = generator.standard_normal((NUM_SNIPPETS, 120)).astype(np.float16)
        np.save(root / "features" / f"{video_id}.npy", values)
    return root


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


@pytest.mark.slow
def test_from_features_to_scores_and_nothing_twice(
    benchmark: ModuleType,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--seeds", "1", "--root", str(recordings), "--output", str(tmp_path), '--overrides=["--iterations=2"]']
    benchmark.run(words)
    found = last_line(capsys)
    ours = found["systems"]["AherNet"]
    assert [found[name] for name in ("mAP@0.50", "mAP@0.75", "average")] == list(ours["mean"].values())[:3]
    assert ours["mean"] == ours["seeds"]["1"]
    assert found["systems"].keys() == {"AherNet-", "AherNet"}
    for system in found["systems"].values():
        assert system["mean"].keys() == benchmark.METRICS.keys()
        assert all(0 <= value <= 1 for value in system["mean"].values())
    assert json.loads((tmp_path / "seed1/test_ahernet/metrics.json").read_text())["test/coverage"] == 1.0
    predictions = json.loads((tmp_path / "seed1/test_ahernet/predictions.json").read_text())["results"]
    assert predictions.keys() == {"bow_2", "push_2"}
    commands: list[list[str]] = []
    run_command = benchmark.main

    def record(command: Sequence[str]) -> int:
        commands.append(list(command))
        exit_code: int = run_command(command)
        return exit_code

    monkeypatch.setattr(benchmark, "main", record)
    (tmp_path / "seed1/aher/result.json").unlink()  # as if killed after the last iteration
    benchmark.run(words)
    assert [command[0] for command in commands] == ["fit"]
    again = last_line(capsys)
    assert again["systems"] == found["systems"]
    assert again["minutes"] != found["minutes"]


@pytest.fixture
def commands(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of a run in which every command succeeds at once; the score of a test grows with the seed."""
    found: list[list[str]] = []

    def pretend(words: Sequence[str]) -> int:
        found.append(list(words))
        options = dict(word.removeprefix("--").split("=", 1) for word in words[1:])
        folder = Path(options["trainer.default_root_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        score = int(options["seed_everything"]) / 10 if "ckpt_path" in options else 0.0
        metrics = dict.fromkeys(benchmark.METRICS.values(), score)
        (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
        return 0

    monkeypatch.setattr(benchmark, "main", pretend)
    return found


def test_means_over_seeds(
    benchmark: ModuleType,
    recordings: Path,
    commands: list[list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    benchmark.run(["--seeds", "1", "3", "--root", str(recordings), "--output", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    assert [found[name] for name in ("mAP@0.50", "mAP@0.75", "average")] == pytest.approx([0.2] * 3)
    assert found["systems"]["AherNet"]["seeds"]["3"]["AUC"] == 0.3
    assert found["systems"]["AherNet-"]["mean"]["AUC"] == 0.0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│ AherNet")]
    assert [row[:3] for row in rows[3:]] == [
        ["AherNet", "1", "10.0"],
        ["AherNet", "3", "30.0"],
        ["AherNet", "mean", "20.0"],
    ]
    assert [words[0] for words in commands] == ["fit", "fit", "fit", "test", "test"] * 2
    assert all("--ckpt_path=last" in words for words in commands if words[0] == "fit")
    assert f"--ckpt_path={tmp_path / 'seed3/aher/last.ckpt'}" in commands[-1]


def test_a_failing_command_ends_the_benchmark(
    benchmark: ModuleType, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "main", lambda _: 1)
    with pytest.raises(SystemExit, match="aher fit failed; fix the reported error"):
        benchmark.msrc12(root=recordings, output=tmp_path)
    with pytest.raises(SystemExit, match=r"annotations_un_am\.json: no such file; give the folder of the data"):
        benchmark.msrc12(root=tmp_path / "nowhere", output=tmp_path)


def test_background_lies_outside_all_instances(benchmark: ModuleType, recordings: Path) -> None:
    # Of 12 s, the first one, the one from 7 to 8 and the last one; two instances overlap.
    assert benchmark.read_backgrounds(recordings) == pytest.approx({"training": 0.25, "test": 0.25})
    nested = tuple(Instance("bow", *one) for one in ((-1.0, 6.0), (2.0, 3.0), (8.0, 20.0)))
    assert benchmark.background_fraction([AnnotatedVideo("a", "training", 10.0, nested)]) == pytest.approx(0.2)
    assert benchmark.background_fraction([AnnotatedVideo("a", "training", 10.0, ())]) == 1.0


def test_the_real_recordings_are_as_described(benchmark: ModuleType) -> None:
    root = real_data("real/msrc12")
    assert root == benchmark.ROOT
    annotated, moments = (read_activitynet(root / name) for name in ("annotations_un_am.json", "moments_am.json"))
    split = json.loads((root / "un_am_split.json").read_text(encoding="utf-8"))
    training = [one for one in annotated.values() if one.subset == "training"]
    assert len(training) == 198
    assert {instance.label for one in training for instance in one.instances} == set(split["untrimmed"])
    tested = [one for one in annotated.values() if one not in training and one.instances[0].label in split["moment"]]
    assert len(tested) == 99
    assert sum(len(one.instances) for one in moments.values()) == 2108
    assert {instance.label for one in moments.values() for instance in one.instances} == set(split["moment"])
    people = [{name.rpartition("p")[2] for name in names} for names in ({*moments}, {one.video_id for one in tested})]
    assert people[0].isdisjoint(people[1])
    assert len(people[1]) == 10
    assert benchmark.read_backgrounds(root) == pytest.approx({"training": 0.28, "test": 0.23}, abs=0.005)
    store = ArrayFolderStore(root / "features")
    assert set(store.video_ids) >= {*annotated, *moments}
    assert store.read(tested[0].video_id).values.shape[1] == 120
