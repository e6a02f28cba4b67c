from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from aher_lightning.errors import ConfigError, ContractError
from aher_lightning.modules.phased import TrainingBatch
from aher_lightning.modules.snippet_classifier import class_probabilities
from aher_lightning.structures import SnippetSequences, UntrimmedBatch
from aher_lightning.video.contract import TemporalContract
from tests.helpers.end_to_end import PixelDataModule
from tests.helpers.toy import CATEGORIES, CHANNELS, MOMENT, MeanBackbone, ToyDataModule
from tests.helpers.training import moment_batch, quiet_trainer, toy_classifier, train, untrimmed_batch


def features(scores: list[list[float]]) -> SnippetSequences:
    """One video whose features are logits of the moment categories."""
    values = torch.zeros(len(scores), CHANNELS)
    values[:, : len(MOMENT)] = torch.tensor(scores)
    count = torch.tensor([len(scores)])
    return SnippetSequences(values, count, 0.5 / count, 1.0 / count)


def plain_classifier(**options: Any) -> Any:
    """A classifier that takes the first features as logits."""
    module = toy_classifier(**({"thresholds": (0.5,)} | options)).eval()
    with torch.no_grad():
        module.moment_classifier.weight.copy_(torch.eye(len(MOMENT), CHANNELS))
        module.moment_classifier.bias.zero_()
    return module


def test_it_learns_to_recognize_snippets(tmp_path: Path) -> None:
    totals: list[float] = []

    class Record(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
            totals.append(float(trainer.callback_metrics["train/recognition"]))

    module = toy_classifier(dropout=0.0, optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.05))
    train(module, tmp_path, 40, callbacks=[Record()], enable_checkpointing=False)
    assert sum(totals[-5:]) < 0.5 * sum(totals[:5])
    (logged,) = quiet_trainer(tmp_path, limit_val_batches=1.0).validate(
        module, datamodule=ToyDataModule(), verbose=False
    )
    assert logged["val/instance_accuracy"] > 0.9
    assert 0 <= logged["val/mAP"] <= 1


def test_validation_encodes_every_clip_once(tmp_path: Path) -> None:
    module, encoded = toy_classifier(backbone=MeanBackbone()), []
    module.backbone.register_forward_hook(lambda _, clips, __: encoded.append(len(clips[0])))
    data = PixelDataModule(eval_batch_size=2)
    (logged,) = quiet_trainer(tmp_path, limit_val_batches=1).validate(module, datamodule=data, verbose=False)
    assert sum(encoded) == 2 * 20
    assert {"val/instance_accuracy", "val/mAP"} <= logged.keys()


def test_it_is_evaluated_on_any_grid_but_resumed_on_its_own(tmp_path: Path) -> None:
    train(toy_classifier(), tmp_path)
    path, trainer = tmp_path / "last.ckpt", quiet_trainer(tmp_path, 2)
    denser = ToyDataModule(contract=TemporalContract(fps=10.0, snippet_stride=4, first_centre_frames=4.0))
    (tested,) = trainer.test(toy_classifier(), datamodule=denser, ckpt_path=path, verbose=False)
    assert "test/mAP" in tested
    with pytest.raises(
        ContractError, match=r"fps is 5\.0 in the data and 10\.0 in the checkpoint; use data or features"
    ):
        trainer.test(toy_classifier(), datamodule=ToyDataModule(contract=TemporalContract(fps=5.0)), ckpt_path=path)
    with pytest.raises(ContractError, match="snippet_stride is 4 in the data and 8 in the checkpoint"):
        trainer.fit(toy_classifier(), datamodule=denser, ckpt_path=path)


def test_the_schedule_counts_iterations(tmp_path: Path) -> None:
    module = toy_classifier(
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0),
        scheduler=lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5),
    )
    trainer = train(module, tmp_path, 5)
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0.25
    assert module.iteration == 5


@torch.no_grad()
def test_neighbouring_snippets_are_grouped_to_detections() -> None:
    low, high = [0.0, 0.0, 0.0], [0.0, 9.0, 0.0]
    (found,) = plain_classifier().detect(features([low, high, high, low, low]), torch.tensor([10.0]))
    torch.testing.assert_close(found.segments, torch.tensor([[2.0, 6.0]], dtype=torch.float64))
    assert found.labels.tolist() == [1]
    assert found.scores[0] > 0.99


@torch.no_grad()
def test_each_video_has_its_own_time_axis() -> None:
    one = features([[9.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    two = SnippetSequences(torch.cat([one.values] * 2), *(torch.cat([part] * 2) for part in one[1:]))
    first, second = plain_classifier().detect(two, torch.tensor([10.0, 30.0]))
    assert first.segments.tolist() == [[0.0, 5.0]]
    assert second.segments.tolist() == [[0.0, 15.0]]


def hits(batch: UntrimmedBatch) -> list[float]:
    with torch.no_grad():
        found: list[float] = plain_classifier()._instance_hits(batch).tolist()
    return found


@pytest.mark.parametrize(
    ("segment", "label", "expected"),
    [([0.0, 4.0], 0, 1.0), ([0.0, 4.0], 1, 0.0), ([6.0, 10.0], 1, 1.0), ([4.9, 5.0], 2, 1.0), ([4.9, 5.0], 0, 0.0)],
)
def test_accuracy_is_judged_over_cropped_instances(segment: list[float], label: int, expected: float) -> None:
    # Snippets centred at 1, 3, 5, 7, 9 seconds show 0, 0, 2, 1, 1.
    scores = [[5.0 if position == shown else 0.0 for position in range(3)] for shown in (0, 0, 2, 1, 1)]
    assert hits(untrimmed_batch(features(scores), [[segment]], [[label]])) == [expected]


def test_padding_and_videos_without_instances_count_nothing() -> None:
    scores = [[5.0, 0.0, 0.0]] * 5
    assert hits(untrimmed_batch(features(scores), [[[0.0, 4.0], [0.0, 0.0]]], [[0, -1]])) == [1.0]
    assert hits(untrimmed_batch(features(scores), [[[0.0, 0.0]]], [[-1]])) == []


def test_probabilities_are_those_of_the_evaluated_categories() -> None:
    untrimmed = toy_classifier(type(CATEGORIES)(CATEGORIES.untrimmed, CATEGORIES.moment, "untrimmed"))
    values = torch.zeros(4, CHANNELS)
    assert class_probabilities(untrimmed, values).shape == (4, 2)
    assert class_probabilities(toy_classifier(), values).shape == (4, 3)
    torch.testing.assert_close(class_probabilities(untrimmed, values).sum(dim=1), torch.ones(4))


def test_training_augments_pixels_only(tmp_path: Path) -> None:
    calls: list[int] = []

    class Spy(torch.nn.Identity):
        def forward(self, clips: torch.Tensor) -> torch.Tensor:
            calls.append(len(clips))
            return clips

    module = toy_classifier(augmentation=Spy())
    train(module, tmp_path, 1)
    assert calls == []
    module.contract = ToyDataModule().contract
    module.snippet_features(torch.zeros(2, 3, 4, 6, 6, dtype=torch.uint8), module.augmentation)
    assert calls == [2]


@pytest.mark.parametrize("part", ["foreground", "moments"])
def test_a_batch_without_one_of_both_parts_is_one_line(part: str, tmp_path: Path) -> None:
    kept = [name for name in ("foreground", "moments") if name != part]
    trainer = quiet_trainer(tmp_path, 1)
    with pytest.raises(ConfigError, match=rf"^training needs '{part}', which 'data\.parts' leaves out; add it there$"):
        trainer.fit(toy_classifier(), datamodule=ToyDataModule(parts=kept))


@torch.no_grad()
@pytest.mark.parametrize("joint", [False, True])
def test_hand_computed_losses(joint: bool) -> None:
    module = plain_classifier(joint_softmax=joint)
    module.untrimmed_classifier.weight.zero_()
    module.untrimmed_classifier.bias.copy_(torch.tensor([2.0, 1.0]).log())
    batch: TrainingBatch = {
        "foreground": moment_batch(features([[1.0, 0.0, 0.0]]), [1]),
        "moments": moment_batch(features([[0.0, 2.0, 1.0], [0.0, 0.0, 3.0]]), [2]),
    }
    losses = module.recognition_losses(batch)
    e = [math.exp(logit) for logit in range(4)]
    # What the categories of the other set add to the denominators.
    of_moment, of_untrimmed = (e[1] + 1 + 1, 2 + 1) if joint else (0, 0)
    foreground = math.log(2 + 1 + of_moment)
    first, second = math.log(1 + e[2] + e[1] + of_untrimmed) - 1, math.log(1 + 1 + e[3] + of_untrimmed) - 3
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(
        {"foreground_cls": foreground, "moment_cls": (first + second) / 2}
    )


def test_one_softmax_tells_apart_categories_of_different_sets_too(tmp_path: Path) -> None:
    def moment_share(*, joint: bool) -> float:
        """Probability that a classifier gives the moment set where an untrimmed category goes on."""
        module = toy_classifier(
            dropout=0.0,
            joint_softmax=joint,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.2),
        )
        train(module, tmp_path / str(joint), 40)
        foreground = ToyDataModule().training_loader("foreground").peek(4)
        with torch.no_grad():
            probabilities = module._joint_logits(foreground.snippets.values).softmax(dim=-1)
            assert class_probabilities(module, foreground.snippets.values).shape[1] == len(MOMENT)
        return float(probabilities[:, len(CATEGORIES.untrimmed) :].sum(dim=1).mean())

    assert moment_share(joint=True) < 0.1 < moment_share(joint=False)
