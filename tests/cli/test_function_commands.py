from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aher_lightning.cli.command_table import Command
from aher_lightning.cli.function_commands import run_function
from aher_lightning.errors import UsageError

SHOW = Command(f"{__name__}:show", "shows", positional="name")
COUNT = Command(f"{__name__}:count", "counts", positional="files", ignored=("model",))


def count(files: list[Path], *, limit: int = 3, is_loud: bool = False) -> tuple[list[Path], int, bool]:
    """Count files.

    Args:
        files: What to count.
        limit: Where to stop.
        is_loud: Whether to shout.
    """
    return files, limit, is_loud


def show(name: str | None = None, *, limit: int = 3) -> tuple[str | None, int]:
    """Show one of several.

    Args:
        name: Which.
        limit: Where to stop.
    """
    return name, limit


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


def test_words_become_parameters() -> None:
    assert run_function("count", COUNT, ["a", "b", "--is-loud"]) == ([Path("a"), Path("b")], 3, True)
    assert run_function("count", COUNT, ["a", "--limit=5"]) == ([Path("a")], 5, False)


def test_a_name_may_be_missing() -> None:
    assert run_function("show", SHOW, []) == (None, 3)
    assert run_function("show", SHOW, ["a", "--limit", "5"]) == ("a", 5)
    assert run_function("show", SHOW, [""]) == ("", 3)
    with pytest.raises(UsageError, match="unexpected argument 'b'"):
        run_function("show", SHOW, ["a", "b"])


def test_a_configuration_may_say_what_means_nothing_here(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("limit: 7\nmodel: {class_path: no.such.Module}\n")
    assert run_function("count", COUNT, ["a", f"--config={config}"]) == ([Path("a")], 7, False)


def test_help_shows_the_documented_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run_function("count", COUNT, ["--help"])
    shown = capsys.readouterr().out
    assert "usage: aher count" in shown
    assert "Where to stop." in shown
    assert "--model" not in shown
