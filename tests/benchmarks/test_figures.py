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

WHOLE = {"demo.txt", "comparison.txt", "oracle_labels.txt"}
"""Printed results that a page shows as they are."""


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


def test_pages_show_what_was_printed(benchmark: ModuleType, runs: Path) -> None:
    printed = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "printed").iterdir()}
    assert printed.keys() == {"demo.txt", *benchmark.printing_commands(runs)}
    pages = [page.read_text(encoding="utf-8") for page in PAGES]
    for name, text in printed.items():
        if name in WHOLE:
            assert any(text.strip() in page for page in pages), name
        else:  # a table of our own has its last row
            average = next(line for line in text.splitlines() if "average mAP" in line)
            row = " | ".join(cell.strip() for cell in average.split("│")[2:-1])
            assert any(row in page for page in pages), name


def test_the_commands_exist(benchmark: ModuleType, runs: Path) -> None:
    commands = [*benchmark.commands(runs), *benchmark.printing_commands(runs).values()]
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


def test_what_a_command_prints_is_kept(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = "before\nLocalize an unseen video\nall done"
    monkeypatch.setattr(benchmark, "main", lambda _: benchmark.output_console().print(said))
    assert benchmark.end_of_demo(tmp_path / "runs") == "Localize an unseen video\nall done\n"
    monkeypatch.setattr(benchmark, "main", lambda _: 1)
    assert benchmark.end_of_demo(tmp_path / "runs").endswith("all done\n")  # not run again
