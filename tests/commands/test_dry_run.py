from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning.cli import main
from aher_lightning.commands.dry_run import dry_run, list_costs, list_parts
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.phases import TransferPhase
from tests.helpers.miniature import make_miniatures
from tests.helpers.toy import CATEGORIES, MeanBackbone, ToyDataModule, ToySource, toy_loss, toy_network
from tests.helpers.training import toy_classifier


def module(**options: object) -> AherModule:
    torch.manual_seed(0)
    return AherModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network, loss=toy_loss(), **options)  # type: ignore[arg-type]


class Incomplete(ToyDataModule):
    """Lacks a training video and a moment."""

    @property
    def source(self) -> ToySource:
        videos = {name: one for name, one in self.videos.items() if name != "train2"}
        return ToySource(videos, [clip for clip in self.moment_clips() if clip.video_id != "nod1"])


def test_each_phase_says_what_it_trains() -> None:
    network = module().network
    costs = {cost.name: cost for cost in list_costs(module(), ToyDataModule())}
    assert list(costs) == ["recognition", "transfer", "generator", "detector"]
    for name, groups in (("transfer", ("pyramid", "heads", "transfer")), ("generator", ("generators",))):
        expected = sum(one.numel() for group in groups for one in network.parameter_group(group))
        assert (costs[name].trainable, costs[name].frozen, costs[name].groups) == (expected, 0, ", ".join(groups))
    assert all(cost.saved_mib is not None and 0 < cost.saved_mib < 10 for cost in costs.values())


def test_what_is_kept_grows_with_the_batch_and_frozen_parameters_are_told_apart() -> None:
    small, large = (list_costs(module(), ToyDataModule(batch_size=size))[1].saved_mib for size in (2, 8))
    assert small is not None
    assert large is not None
    assert 3 < large / small < 4.5
    frozen = module(transfer=TransferPhase(groups=("pyramid", "backbone")))
    frozen.backbone.requires_grad_(requires_grad=False)
    cost = list_costs(frozen, ToyDataModule())[1]
    assert cost.frozen == sum(one.numel() for one in frozen.backbone.parameters()) > 0


def test_a_module_without_phases_is_one_row() -> None:
    (cost,) = list_costs(toy_classifier(), ToyDataModule())
    assert cost.trainable == sum(one.numel() for one in toy_classifier().parameters())
    assert cost.saved_mib is None


def test_parts_say_how_long_a_pass_takes_and_what_is_missing() -> None:
    untrimmed, foreground, moments, evaluation = list_parts(ToyDataModule(batch_size=2), 2)
    assert (untrimmed.named, untrimmed.missing, untrimmed.iterations) == (6, [], 2)
    assert (moments.named, moments.iterations) == (9, 3)
    assert foreground.iterations is None
    assert (evaluation.name, evaluation.named, evaluation.iterations) == ("evaluation", 4, None)
    untrimmed, _, moments, _ = list_parts(Incomplete(batch_size=2), 1)
    assert (untrimmed.missing, untrimmed.iterations) == (["train2"], 3)
    assert (moments.missing, moments.iterations) == (["nod1"], 4)


def test_the_report_ends_with_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert dry_run(module(), ToyDataModule(), iterations=50, num_processes=1)
    shown = capsys.readouterr().out
    assert "Data, for 50 iterations" in shown
    assert "memory: " in shown
    assert shown.endswith("everything is there\n")
    assert not dry_run(module(), Incomplete(), iterations=50, num_processes=1)
    shown = capsys.readouterr().out
    assert "missing in untrimmed: train2" in shown
    assert "missing in moments: nod1" in shown
    assert shown.endswith("not everything is there: see above\n")


def test_the_command_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    miniature = make_miniatures(tmp_path / "data")["demo.yaml"]
    words = ["fit", f"--config={miniature.config}", f"--config={miniature.overlay}", "--dry-run"]
    assert main([*words, f"--trainer.default_root_dir={tmp_path / 'run'}"]) == 0
    shown = capsys.readouterr().out
    assert "Phases of an iteration" in shown
    assert "everything is there" in shown
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_only_training_has_a_dry_run(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    miniature = make_miniatures(tmp_path / "data")["demo.yaml"]
    assert main([verb, f"--config={miniature.config}", f"--config={miniature.overlay}", "--dry-run"]) == 1
    assert f"'--dry-run' belongs to 'aher fit'; leave it out of 'aher {verb}'" in capsys.readouterr().err
