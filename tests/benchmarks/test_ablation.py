"""The ablation benchmark asks for what it says, by commands that parse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from aher_lightning.cli.main import main
from tests.helpers.benchmarks import load_benchmark

METRICS = {"test/mAP": 0.25, "test/AUC": 0.5, "test/oracle_labels/mAP": 0.75, "test/oracle_segments/mAP": 1.0}


@pytest.fixture
def ablation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("ablation", monkeypatch)


@pytest.fixture
def asked(ablation: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of a run in which every command succeeds at once and leaves what it would have made."""
    commands: list[list[str]] = []

    def pretend(words: Sequence[str]) -> int:
        commands.append(list(words))
        folders = [word.partition("=")[2] for word in words if word.startswith("--trainer.default_root_dir=")]
        for folder in map(Path, folders):
            folder.mkdir(parents=True, exist_ok=True)
            made = {"fit": ("last.ckpt", ""), "test": ("metrics.json", json.dumps(METRICS))}[words[0]]
            (folder / made[0]).write_text(made[1])
        return 0

    monkeypatch.setattr(ablation, "main", pretend)
    return commands


def test_twelve_systems_in_the_layout_of_the_paper(
    ablation: ModuleType, asked: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablation.run(["--seeds", "2", "--quick", "--output", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    summary = json.loads(lines[-1])
    assert len(summary["systems"]) == 12
    assert summary["systems"]["ahernet_m"]["2"]["metrics"] == METRICS
    rows = [line.split("│")[1:-1] for line in lines if line.startswith("│ AherNet")]
    assert len(rows) == 10 + 6 + 12
    assert [cell.strip() for cell in rows[0][:2]] == ["AherNet0", "25.0 ±0.0"]
    assert [cell.strip() for cell in rows[10][:3]] == ["AherNet0", "50.0 ±0.0", "25.0 ±0.0"]
    assert [words[0] for words in asked].count("test") == 24


def test_finished_systems_are_not_run_again(ablation: ModuleType, asked: list[list[str]], tmp_path: Path) -> None:
    ablation.ablation(seeds=1, quick=True, output=tmp_path, systems=["ahernet_0", "ahernet_star"])
    first = len(asked)
    ablation.ablation(seeds=1, quick=True, output=tmp_path, systems=["ahernet_0", "ahernet_star"])
    again = [words[0] for words in asked[first:]]
    assert again == ["render", "extract"]  # which look for themselves what is there


def test_a_failing_command_ends_the_benchmark(
    ablation: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ablation, "main", lambda _: 1)
    with pytest.raises(SystemExit, match="aher render failed; mend what it said"):
        ablation.ablation(seeds=1, quick=True, output=tmp_path)


@pytest.mark.slow
def test_every_command_parses(
    ablation: ModuleType,
    asked: list[list[str]],
    tiny_benchmark: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ablation.ablation(seeds=1, quick=True, output=tmp_path)
    data = tmp_path / "quick" / "seed1" / "data"
    data.symlink_to(tiny_benchmark)
    for words in asked:
        if words[0] in {"fit", "test"}:
            checked = [word for word in words if not word.startswith("--ckpt_path")]
            assert main([*checked, "--print_config"]) == 0, words
            assert str(data) in capsys.readouterr().out
