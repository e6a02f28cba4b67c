"""Every picture of README and docs comes from a command that exists."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from aher_lightning.cli.command_table import COMMANDS, TRAINER_COMMANDS, CommandGroup
from tests.helpers.benchmarks import load_benchmark

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_benchmark("figures", monkeypatch)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    page = tmp_path / "demo" / "localized" / "am_val_00000.html"
    page.parent.mkdir(parents=True)
    page.touch()
    return tmp_path


def test_every_picture_is_made_and_shown(benchmark: ModuleType, runs: Path) -> None:
    made = set(benchmark.sources(runs))
    shown = {name for page in PAGES for name in re.findall(r"images/([\w.]+)", page.read_text(encoding="utf-8"))}
    assert made == shown == {path.name for path in (ROOT / "docs" / "images").iterdir()}
    assert {name for name, source in benchmark.sources(runs).items() if source.suffix == ".html"} == set(
        benchmark.SCREENSHOTS
    )


def test_the_commands_exist(benchmark: ModuleType, runs: Path) -> None:
    commands = list(benchmark.commands(runs))
    for command, *words in commands:
        group = COMMANDS.get(command)
        assert group is not None or command in TRAINER_COMMANDS
        assert not isinstance(group, CommandGroup) or words[0] in group.kinds
    assert [words[1] for words in commands if words[0] == "analyze"] == [
        *("levels", "contexts", "label-fractions", "timelines")
    ]


def test_a_command_that_fails_ends_the_script(benchmark: ModuleType) -> None:
    with pytest.raises(SystemExit, match="2"):
        benchmark.run(["nonsense"])
