from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.cli.commands.add_category import add_category
from aher_lightning.cli.main import main
from aher_lightning.inference.category_list import describe_categories
from aher_lightning.inference.category_teaching import FINE_TUNING_STEPS, count_teaching_steps
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
    assert f"Teaching in background: {count_teaching_steps(2)}/{count_teaching_steps(2)} steps" in written.out
    assert "fine-tuned" not in written.out
    assert "bow: added from 2 clips\nyawn: added from 5 clips\n" in written.out
    assert "more.ckpt: 2 categories more, in " in written.out
    errors = written.err.splitlines()
    assert len(errors) == 2
    assert errors[0].startswith("left out: ")
    assert "broken.mp4" in errors[0]
    assert errors[1] == "'bow' has only 2 clips; 5 or more give better results"


def test_what_a_bank_lacks_and_what_fine_tuning_changes_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = write_clips(tmp_path / "moments", bow=5)
    words = ["add-category", "--moments", str(moments), f"--output={tmp_path / 'more.ckpt'}", "--overwrite"]
    dense = remembering_checkpoint(tmp_path, dense=True)
    assert main([*words, f"--checkpoint={dense}"]) == 0
    assert capsys.readouterr().err.startswith("the feature bank has no background (left out at export, ")
    assert main([*words, f"--checkpoint={dense}", "--fine-tune"]) == 1
    assert "leave --fine-tune out" in capsys.readouterr().err
    assert main([*words, f"--checkpoint={remembering_checkpoint(tmp_path)}", "--fine-tune"]) == 0
    written = capsys.readouterr()
    assert not written.err
    assert f"Fine-tuning: {FINE_TUNING_STEPS}/{FINE_TUNING_STEPS} steps" in written.out
    assert "\nfine-tuned: the scores of all existing categories have changed\n" in written.out


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
