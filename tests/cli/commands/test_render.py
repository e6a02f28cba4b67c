from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aher_lightning.cli.commands.render import render
from aher_lightning.errors import ConfigError
from aher_lightning.rendering.benchmark import RenderResult

SIZES: dict[str, Any] = {
    "videos": 0,
    "moment_categories": 2,
    "moments_per_category": 5,
    "validation_videos": 0,
    "untrimmed_validation_videos": 0,
    "workers": 1,
}


def test_render_reports_and_reuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = render(tmp_path / "benchmark", **SIZES)
    rendering = capsys.readouterr()
    second = render(tmp_path / "benchmark", **SIZES)
    reusing = capsys.readouterr()

    assert isinstance(first, RenderResult)
    assert (first.is_reused, second.is_reused) == (False, True)
    assert rendering.out.count("Rendering: ") == 4
    assert "Rendering: 10/10 videos" in rendering.out
    assert "is ready: 10 moment, " in rendering.out
    assert "already holds this benchmark, reusing it" in reusing.out


def test_render_shows_a_bar_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    render(tmp_path / "benchmark", **SIZES)

    assert "10/10" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [({"workers": -1}, "workers is -1: choose 0"), ({"moment_categories": 50}, "moment_categories is 50")],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        render(tmp_path / "benchmark", **{**SIZES, **options})

    assert not list(tmp_path.iterdir())
