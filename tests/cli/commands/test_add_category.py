from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.cli.commands.add_category import add_category
from aher_lightning.cli.main import main
from aher_lightning.inference.category_list import describe_categories
from tests.helpers.added import remembering_checkpoint, write_clips


def test_categories_are_added_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = remembering_checkpoint(tmp_path)
    moments = write_clips(tmp_path / "moments", bow=2, yawn=5)
    (moments / "bow" / "broken.mp4").write_text("no video")
    added = add_category(checkpoint, moments, tmp_path / "more.ckpt")
    assert [one.clips for one in added.categories] == [2, 5]
    written = capsys.readouterr()
    assert "Reading clips: 8/8 steps" in written.out
    assert "Training classifiers: 24/24 steps" in written.out
    assert "bow: added from 2 clips\nyawn: added from 5 clips\n" in written.out
    assert "more.ckpt: 2 categories more, in " in written.out
    errors = written.err.splitlines()
    assert len(errors) == 2
    assert errors[0].startswith("left out: ")
    assert "broken.mp4" in errors[0]
    assert errors[1] == "'bow' has only 2 clips; with 5 or more it is learnt better"


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = remembering_checkpoint(tmp_path)
    moments = write_clips(tmp_path / "moments", bow=2, yawn=2)
    words = ["add-category", f"--checkpoint={checkpoint}", "--moments", str(moments)]
    assert main([*words, "--categories", "yawn", "--output", str(tmp_path / "more.ckpt")]) == 0
    assert [one.name for one in describe_categories(tmp_path / "more.ckpt")][-1] == "yawn"
    capsys.readouterr()
    assert main([*words, f"--output={checkpoint}"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main([*words, f"--output={checkpoint}", "--overwrite"]) == 0
    assert [one.name for one in describe_categories(checkpoint)][-2:] == ["bow", "yawn"]
