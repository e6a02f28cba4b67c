"""The benchmark of added categories leaves out what it says, and measures what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.inference import category_teaching
from aher_lightning.models.bank_content import read_bank
from tests.helpers.added import remembering_checkpoint
from tests.helpers.benchmarks import load_benchmark


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("add_category", monkeypatch)


@pytest.fixture
def asked(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of a run in which every command succeeds at once and leaves the checkpoint it would have made."""
    commands: list[list[str]] = []

    def pretend(words: Sequence[str]) -> int:
        commands.append(list(words))
        for word in words:
            name, _, folder = word.partition("=")
            if words[0] == "fit" and name == "--trainer.default_root_dir":
                Path(folder).mkdir(parents=True, exist_ok=True)
                (Path(folder) / "last.ckpt").touch()
        return 0

    monkeypatch.setattr(benchmark, "main", pretend)
    return commands


def write_rendered(folder: Path) -> Path:
    for name in ("videos", "moments"):
        (folder / name).mkdir(parents=True)
    split = {"untrimmed": ["jump"], "moment": ["clap", "nod", "spin"]}
    (folder / "split.json").write_text(json.dumps(split), encoding="utf-8")
    one = {"duration": 5.0, "subset": "validation"}
    videos = {
        name: {**one, "annotations": [{"label": label, "segment": [1.0, 2.0]}]}
        for name, label in (("a", "jump"), ("b", "clap"), ("c", "nod"), ("d", "spin"))
    }
    content = {"database": videos, "version": "1", "taxonomy": []}
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_a_half_is_left_out_without_a_trace(benchmark: ModuleType, tmp_path: Path) -> None:
    rendered = write_rendered(tmp_path / "data")
    for half, left_out, moment, videos in (("even", ["clap", "spin"], ["nod"], "ac"), ("odd", ["nod"], None, "abd")):
        assert benchmark.half_of(rendered, half) == left_out
        for _ in range(2):  # a second run finds everything in place
            benchmark.leave_out(rendered, tmp_path / half, left_out)
        split = json.loads((tmp_path / half / "split.json").read_text(encoding="utf-8"))
        assert split["moment"] == (moment or ["clap", "spin"])
        assert list(read_activitynet(tmp_path / half / "annotations.json")) == list(videos)
        assert (tmp_path / half / "videos").resolve() == (rendered / "videos").resolve()


def test_a_seen_backbone_is_shared_and_an_unseen_one_is_trained_without_the_half(
    benchmark: ModuleType, asked: list[list[str]], tmp_path: Path
) -> None:
    rendered = write_rendered(tmp_path / "data")
    benchmark.train_backbone(tmp_path, rendered, 5, [])
    (tmp_path / "features").mkdir()
    shared = len(asked)
    own = benchmark.train_without(tmp_path, "odd", "seen", 5, ["--iterations=1"])
    assert (own / "features").resolve() == tmp_path / "features"
    assert [words[0] for words in asked] == ["fit", "extract", "fit", "fit"]
    assert all("--iterations=1" in words for words in asked[shared:])
    assert all(f"--data.root={own / 'data'}" in words for words in asked[shared:])
    own = benchmark.train_without(tmp_path, "odd", "unseen", 5, [])
    assert [words[0] for words in asked[4:]] == ["fit", "extract", "fit", "fit"]
    assert f"--data.root={own / 'data'}" in asked[4]
    assert f"--data.root={rendered}" in asked[5]  # features of all videos, for the test
    before = len(asked)
    benchmark.train_without(tmp_path, "odd", "unseen", 5, [])
    assert [words[0] for words in asked[before:]] == ["extract"]  # which looks itself what is there


def test_each_way_is_a_command(benchmark: ModuleType, asked: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "aher").mkdir()
    checkpoint = remembering_checkpoint(tmp_path).rename(tmp_path / "aher" / "last.ckpt")
    for way in benchmark.WAYS:
        assert benchmark.add(tmp_path, tmp_path, ["bow", "yawn"], way) == tmp_path / f"{way}.ckpt"
    assert all("--categories bow yawn" in " ".join(words) for words in asked)
    assert ["--fine-tune" in words for words in asked] == [False, False, True]
    assert [f"--checkpoint={checkpoint}" in words for words in asked] == [False, True, True]
    bank = read_bank(read_checkpoint(tmp_path / "without_videos.ckpt")[STATE_KEY][FEATURE_BANK_KEY])
    assert len(bank.moments.labels) == 30
    assert not len(bank.videos.labels)


def test_learning_is_timed_for_every_number(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "TIMED", (1, 3))
    monkeypatch.setattr(category_teaching, "TEACHING_STEPS", 2)
    monkeypatch.setattr(category_teaching, "FINE_TUNING_STEPS", 2)
    seconds = benchmark.learning_seconds(remembering_checkpoint(tmp_path))
    assert list(seconds) == ["1", "3"]
    assert all(value > 0 for one in seconds.values() for value in one.values())
    assert list(seconds["3"]) == ["rows", "taught", "tuned"]


def test_a_failing_command_ends_the_benchmark(benchmark: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="aher list-categories --checkpoint=none failed"):
        benchmark.run_command("list-categories", "--checkpoint=none")
    assert "no such checkpoint" in capsys.readouterr().err


def test_every_category_counts_once_added_and_once_trained(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"even": ["clap"], "odd": ["nod"]}

    def measure_half(_folder: Path, half: str, backbone: str, *_: object) -> dict[str, object]:
        values = {name: (0.5, 0.75) if name in names[half] else (0.25, 1.0) for name in ("clap", "nod")}
        found = dict.fromkeys(benchmark.WAYS, values)
        equal = {f"{way}_logits_are_equal": way != "tuned" for way in benchmark.WAYS}
        return {"half": half, "backbone": backbone, "added": names[half], **found, **equal}

    commands: list[str] = []
    monkeypatch.setattr(benchmark, "run_command", lambda *words: commands.append(words[0]))
    monkeypatch.setattr(benchmark, "measure_half", measure_half)
    seconds = {str(number): dict.fromkeys(benchmark.WAYS, 1.5) for number in benchmark.TIMED}
    monkeypatch.setattr(benchmark, "learning_seconds", lambda _: seconds)
    benchmark.run(["--seeds", "3", "4", "--backbones", "unseen", "--output", str(tmp_path)])
    assert commands == ["render", "render"]
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    expected = {"added": 0.5, "trained": 0.25, "added_true": 0.75, "trained_true": 1.0}
    assert found["summary"] == {"unseen": dict.fromkeys(benchmark.WAYS, expected)}
    assert [one["seed"] for one in found["results"]] == [3, 4]
    row = next(line for line in lines if "taught" in line and "unseen" in line)
    assert [cell.strip() for cell in row.split("│")[3:-1]] == ["50.0", "25.0", "2.00", "75.0", "100.0", "yes"]
    assert any("100" in line and line.count("1.5") == 3 for line in lines)
