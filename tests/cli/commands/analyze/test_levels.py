from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from aher_lightning.analyses.level_accuracy import LevelAccuracy
from aher_lightning.cli.commands.analyze.levels import count_batch, levels
from aher_lightning.cli.main import main
from aher_lightning.errors import ConfigError
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.ops.pooling import mean_over_segments
from aher_lightning.ops.segments import temporal_iou
from aher_lightning.structures import UntrimmedBatch
from tests.helpers.command_line import CONFIGS, TrainedRun
from tests.helpers.toy import CHANNELS, ToyDataModule
from tests.helpers.training import pixels, small_contract, toy_classifier, toy_localizer, untrimmed_batch

CELLS = (8, 4, 2, 1)


def toy_batch(module: LocalizerModule, shift: float) -> UntrimmedBatch:
    """Two videos whose instances are proposals of the network, moved a little."""
    snippets = pixels(6, 9)
    outputs = module.network(module.encode(snippets, 32), "moment")
    proposals = module.decoder.decode_segments(outputs, module.network.anchors)
    chosen = (10 * proposals[:, [3, 30, 40]] + shift).tolist()
    return untrimmed_batch(snippets, chosen, [[0, 1, 2], [2, 0, -1]])


@pytest.mark.parametrize("same_backbone", [True, False])
def test_counts_are_those_of_loops(same_backbone: bool) -> None:
    module, classifier = toy_localizer().eval(), toy_classifier().eval()
    if not same_backbone:
        with torch.no_grad():
            next(classifier.backbone.parameters()).mul_(-3.0)
    module.contract = classifier.contract = small_contract()
    with torch.inference_mode():
        batch = toy_batch(module, 0.1)
        counts = count_batch(module, classifier, batch, 0.4, reuse_features=same_backbone)
        network = module.network
        outputs = network(module.encode(batch.snippets, 32), "moment")
        proposals = module.decoder.decode_segments(outputs, network.anchors)
        features = classifier.encode(batch.snippets, 32)
        assert features.shape == (2, CHANNELS, 32)
        probabilities = classifier.moment_classifier(features.mT).softmax(dim=-1).mT
        by_segment = mean_over_segments(probabilities, proposals)
    expected = torch.zeros(3, 4, dtype=torch.int64)
    for row in range(2):
        overlaps = temporal_iou(proposals[row].double(), batch.segments_sec[row] / 10)
        for place in range(len(network.anchors)):
            real = [one for one in range(3) if batch.labels[row, one] >= 0]
            best = max(real, key=lambda one: float(overlaps[place, one]))
            if overlaps[place, best] < 0.4:
                continue
            cell = place // 3
            level = [cell < 8, cell < 12, cell < 14, cell < 15].index(True)
            true = int(batch.labels[row, best])
            expected[0, level] += 1
            expected[1, level] += int(outputs.class_logits[row, :, cell].argmax()) == true
            expected[2, level] += int(by_segment[row, place].argmax()) == true
    assert counts.tolist() == expected.tolist()
    assert counts[0].sum() > 10
    assert 0 < counts[1].sum() < counts[0].sum()


@pytest.mark.slow
def test_the_command_writes_table_and_figure(
    trained_run: TrainedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["analyze", "levels", f"--config={CONFIGS / 'tiny_extract.yaml'}", trained_run.cached]
    words += [f"--data.init_args.root={trained_run.data}", f"--checkpoint={trained_run.checkpoint}"]
    words += [f"--classifier={trained_run.folder}/recognition/last.ckpt", f"--output={tmp_path}"]
    assert main([*words, "--min-tiou=0.1"]) == 0
    assert "AherNet-" in capsys.readouterr().out
    with (tmp_path / "levels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == LevelAccuracy._fields
    assert [int(row["cells"]) for row in rows] == list(CELLS)
    assert sum(int(row["proposals"]) for row in rows) > 0
    assert all(row["accuracy_ahernet"] == "" or 0 <= float(row["accuracy_ahernet"]) <= 1 for row in rows)
    assert (tmp_path / "levels.png").read_bytes()[1:4] == b"PNG"
    assert main([*words, f"--checkpoint={trained_run.folder}/recognition/last.ckpt"]) == 1
    assert "holds a SnippetClassifierModule, where a PhasedModule is needed" in capsys.readouterr().err


def test_a_smallest_tiou_out_of_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"min_tiou is 0\.0, but a tIoU to reach is above 0 and at most 1"):
        levels(ToyDataModule(), tmp_path / "a.ckpt", tmp_path / "b.ckpt", tmp_path / "out", min_tiou=0.0)
    assert not (tmp_path / "out").exists()
