from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.cli.main import main
from aher_lightning.cli.shipped_configs import configs_folder, list_configs

DEMO = configs_folder() / "demo.yaml"


def test_all_are_listed_with_their_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"configurations in {configs_folder()}, for --config"
    listed = dict(line.split(maxsplit=1) for line in lines if line.startswith("  "))
    assert list(listed) == list_configs()
    assert listed["loggers/csv.yaml"] == "Logs to a CSV table, with images as files beside it."
    assert lines.index("recipes") < lines.index("variants") < lines.index("variants/transfer")


@pytest.mark.parametrize("name", ["demo", "demo.yaml"])
def test_one_is_printed_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configs", name]) == 0
    assert capsys.readouterr().out == DEMO.read_text()


def test_one_is_copied_and_nothing_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place, written in ((tmp_path, tmp_path / "demo.yaml"), (tmp_path / "new" / "a.yaml",) * 2):
        assert main(["configs", "demo", "--copy", str(place)]) == 0
        assert capsys.readouterr().out == f"{DEMO} copied to {written}\n"
        assert written.read_text() == DEMO.read_text()
        written.write_text("mine")
        assert main(["configs", "demo", "--copy", str(place)]) == 1
        line = f"aher configs: {written}: exists already; choose another place for the copy\n"
        assert capsys.readouterr().err == line
        assert written.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["dmo"],
            f"dmo: not among the configurations in {configs_folder()}, did you mean 'demo.yaml'; 'aher configs' lists "
            "the shipped ones",
        ),
        (
            ["--copy=x.yaml"],
            "'--copy' needs the name of a configuration: aher configs NAME --copy PATH; 'aher configs --help' lists "
            "the options",
        ),
        (["demo", "x"], "unexpected argument 'x'; 'aher configs --help' lists the options"),
    ],
)
def test_wrong_usage_is_named(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configs", *words]) == 2
    assert capsys.readouterr().err == f"aher configs: {line}\n"
