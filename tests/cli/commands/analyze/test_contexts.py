from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.cli.commands.analyze.contexts import _real_background_cells, _synthetic_cells, contexts
from aher_lightning.cli.main import main
from aher_lightning.errors import ConfigError
from aher_lightning.modules.localizer import LocalizerModule
from tests.helpers.command_line import CONFIGS, TrainedRun
from tests.helpers.toy import ToyDataModule
from tests.helpers.training import toy_localizer


@pytest.fixture
def module() -> LocalizerModule:
    return toy_localizer().eval()


def test_synthetic_cells_are_foreground_and_background_of_moments(module: LocalizerModule) -> None:
    with torch.inference_mode():
        foreground, background = _synthetic_cells(module, ToyDataModule(), 100, seed=0)
        again = _synthetic_cells(module, ToyDataModule(), 100, seed=0)
        other = _synthetic_cells(module, ToyDataModule(), 100, seed=1)
    assert [cells.features.shape[1] for cells in foreground] == [10, 10, 12, 12]
    # Nine moments, of which the loss gives each at least one foreground anchor.
    assert set(torch.cat([cells.sources for cells in foreground]).tolist()) == set(range(9))
    for one, two, count in zip(foreground, background, (8, 4, 2, 1), strict=True):
        assert len(one.features) + len(two.features) <= 9 * count
    assert all(torch.equal(one.features, two.features) for one, two in zip(foreground, again[0], strict=True))
    assert not torch.equal(background[0].features, other[1][0].features)


def test_fewer_moments_can_be_drawn(module: LocalizerModule) -> None:
    with torch.inference_mode():
        _, background = _synthetic_cells(module, ToyDataModule(eval_batch_size=2), 3, seed=0)
    assert set(background[0].sources.tolist()) == {0, 1, 2}


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    both = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    return both / (one[1] - one[0] + other[1] - other[0] - both)


def test_real_background_is_what_no_instance_covers(module: LocalizerModule) -> None:
    data = ToyDataModule(eval_batch_size=3)
    with torch.inference_mode():
        finest, *_ = _real_background_cells(module, data, 10, seed=0)
        fewer, *_ = _real_background_cells(module, data, 2, seed=0)
    # 8 cells of 2.5 s in each of four videos of 20 s, three anchors each: background below a tIoU of 0.3 (Eq. 3).
    expected = []
    for video in data.evaluation_videos():
        centres = [2.5 * cell + 1.25 for cell in range(8)]
        widths = [2.5 * 2 ** (power / 3) for power in range(3)]
        is_free = [
            all(
                overlap((centre - width / 2, centre + width / 2), (start, end)) < 0.3
                for width in widths
                for _, start, end in video.instances
            )
            for centre in centres
        ]
        expected.append(sum(is_free))
    assert min(expected) > 0
    assert max(expected) < 8
    assert sorted(Counter(finest.sources.tolist()).values()) == sorted(expected)
    assert set(fewer.sources.tolist()) == {0, 1}


@pytest.mark.slow
def test_the_command_writes_table_and_figure(
    trained_run: TrainedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn, the extra 'analysis', is not installed")
    words = ["analyze", "contexts", f"--config={CONFIGS / 'tiny_extract.yaml'}", trained_run.cached]
    words += [f"--data.init_args.root={trained_run.data}", f"--checkpoint={trained_run.checkpoint}"]
    for name in ("a", "b"):
        assert main([*words, f"--output={tmp_path / name}", "--anchors=6"]) == 0
    assert "separability" in capsys.readouterr().out
    with (tmp_path / "a" / "contexts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    counts = Counter(row["kind"] for row in rows)
    assert set(counts) == {"foreground", "synthetic background", "real background"}
    assert max(counts.values()) <= 6
    assert len({row["level"] for row in rows}) == 1
    assert all(abs(float(row["x"])) < 1e6 and abs(float(row["y"])) < 1e6 for row in rows)
    assert (tmp_path / "a" / "contexts.csv").read_bytes() == (tmp_path / "b" / "contexts.csv").read_bytes()
    assert (tmp_path / "a" / "contexts.png").read_bytes()[1:4] == b"PNG"
    assert main([*words, f"--output={tmp_path / 'c'}", "--level=9"]) == 1
    assert "level is 9, but the network has levels 1 to 4" in capsys.readouterr().err


@pytest.mark.usefixtures("no_extras")
def test_what_is_missing_is_said_before_any_work(tmp_path: Path) -> None:
    nothing = tmp_path / "none.ckpt"
    wrong: list[dict[str, Any]] = [{"anchors": 1}, {"moments": 0}]
    for options in wrong:
        with pytest.raises(ConfigError, match="'anchors' and 'moments' must be at least 2"):
            contexts(ToyDataModule(), nothing, tmp_path / "out", **options)
    with pytest.raises(ConfigError, match=r'pip install "aher-lightning\[analysis\]"'):
        contexts(ToyDataModule(), nothing, tmp_path / "out")
    assert not (tmp_path / "out").exists()
