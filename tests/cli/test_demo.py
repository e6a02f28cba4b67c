from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from aher_lightning.cli import main as cli
from aher_lightning.cli.demo import METRICS, SYSTEMS, demo, demo_steps, held_out_video, show_results
from aher_lightning.errors import ConfigError
from aher_lightning.reports.predictions.reader import read_predictions


def test_every_step_is_a_command_that_parses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = demo_steps(tmp_path, seed=7, overrides=["--iterations=3"])
    assert [step.arguments[0] for step in steps] == ["render", "fit", "extract", "fit", "fit", "test", "test", "test"]
    for step in steps[1:]:
        words = [word for word in step.arguments if not word.startswith("--ckpt_path")]
        assert cli.main([*words, "--print_config"]) == 0, step.title
        shown = capsys.readouterr().out
        assert f"root: {tmp_path / 'data'}" in shown
        if step.arguments[0] == "fit":
            assert "seed_everything: 7" in shown
            assert "iterations: 3" in shown


def test_training_never_starts_from_what_it_is_to_make(tmp_path: Path) -> None:
    made: set[str] = set()
    for step in demo_steps(tmp_path, seed=0):
        needed = {name for name in ("recognition", "stage0", "aher") if f"{name}/last.ckpt" in " ".join(step.arguments)}
        assert needed <= made, step.title
        made |= {name for name in ("recognition", "stage0", "aher") if f"/{name}" in " ".join(step.arguments)}


def test_a_step_that_fails_ends_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def main(words: Sequence[str]) -> int:
        asked.append(words[0])
        return int(words[0] == "fit")

    monkeypatch.setattr(cli, "main", main)
    with pytest.raises(ConfigError, match="the step 'Learn to recognize actions from trimmed clips' failed"):
        demo(tmp_path)
    assert asked == ["render", "fit"]
    assert "$ aher render --output=" in capsys.readouterr().out


def test_the_held_out_video_shows_a_moment_category(tiny_benchmark: Path) -> None:
    video = held_out_video(tiny_benchmark)
    assert video == tiny_benchmark / "videos" / "am_val_00000.mp4"
    assert video.is_file()


def test_the_summary_shows_every_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    for number, system in enumerate(SYSTEMS):
        (tmp_path / system.folder).mkdir()
        values = {f"test/{name}": 0.1 * number for name in METRICS}
        (tmp_path / system.folder / "metrics.json").write_text(json.dumps(values))
    show_results(tmp_path, Path("films/v1.mp4"))
    shown = capsys.readouterr().out
    for number, system in enumerate(SYSTEMS):
        (row,) = [line for line in shown.splitlines() if f" {system.title} " in line]
        assert row.count(f" {10 * number}.0 ") == len(METRICS)
    assert str(tmp_path / "aher" / "predictions.json") in shown
    assert str(tmp_path / "localized" / "v1.html") in shown


@pytest.mark.slow
def test_the_whole_demo_in_miniature(
    tiny_benchmark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = cli.main

    def main(words: Sequence[str]) -> int:
        if words[0] != "render":
            return run(words)
        shutil.copytree(tiny_benchmark, tmp_path / "data")
        return 0

    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setattr(cli, "main", main)
    demo(tmp_path, overrides=["--iterations=2", "--trainer.val_check_interval=2", "--data.batch_size=2"])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert all(system.title in shown.out for system in SYSTEMS)
    for name in ("last.ckpt", "predictions.json", "metrics.json"):
        assert (tmp_path / "aher" / name).is_file()
    localized = tmp_path / "localized" / "am_val_00000.json"
    assert list(read_predictions(localized).detections) == ["am_val_00000"]
    assert localized.with_suffix(".html").is_file()
