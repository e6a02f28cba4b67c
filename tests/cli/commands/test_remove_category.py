from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.cli.commands.remove_category import remove_category
from aher_lightning.cli.main import main
from aher_lightning.inference.add_category import add_categories
from aher_lightning.inference.category_list import describe_categories
from tests.helpers.added import remembering_checkpoint, write_clips


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    moments = write_clips(tmp_path / "moments", bow=2, sneeze=2, yawn=2)
    add_categories(remembering_checkpoint(tmp_path), moments, tmp_path / "extended.ckpt")
    return tmp_path / "extended.ckpt"


@pytest.mark.parametrize("words", [["bow,yawn"], ["bow", "yawn"], ["bow, yawn,"]])
def test_names_with_or_without_commas(words: list[str], extended: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = extended.with_name("fewer.ckpt")
    removed = remove_category(extended, words, output)
    assert [one.name for one in removed] == ["bow", "yawn"]
    assert [one.name for one in describe_categories(output)][-1] == "sneeze"
    assert capsys.readouterr().out == f"{output}: without bow, yawn\n"


def test_the_command_line(extended: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = extended.with_name("fewer.ckpt")
    words = ["remove-category", f"--checkpoint={extended}", f"--output={output}", "--categories"]
    assert main([*words, "nod"]) == 1
    assert "'nod' was learnt in training" in capsys.readouterr().err
    assert not output.exists()
    assert main([*words, "bow,yawn"]) == 0
    assert [one.name for one in describe_categories(output)][-1] == "sneeze"
