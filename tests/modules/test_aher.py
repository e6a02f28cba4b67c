from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from aher_lightning.callbacks import IterationCheckpoint
from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.models.pasted_contexts import PastedContexts
from aher_lightning.models.pyramid import TemporalPyramid
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.phases import GeneratorPhase
from aher_lightning.ops.randomness import random_generator
from aher_lightning.structures import Categories
from tests.helpers.toy import CATEGORIES, MOMENT, UNTRIMMED, MeanBackbone, ToyDataModule, toy_loss, toy_network


def module(**options: Any) -> AherModule:
    torch.manual_seed(0)
    return AherModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network, loss=toy_loss(), **options)


def trainer(folder: Path, iterations: int, **options: Any) -> pl.Trainer:
    settings: dict[str, Any] = {
        "default_root_dir": folder,
        "max_epochs": 1,
        "limit_train_batches": iterations,
        "logger": False,
        "enable_checkpointing": True,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "accelerator": "cpu",
        "deterministic": True,
    }
    return pl.Trainer(**(settings | options))


def fit(folder: Path, iterations: int, resume: Path | None = None, **checkpointing: Any) -> AherModule:
    learner = module()
    callbacks = [IterationCheckpoint(every_n_iterations=1, keep_all=True, **checkpointing)]
    run = trainer(folder, iterations, callbacks=callbacks, val_check_interval=1)
    run.fit(learner, datamodule=ToyDataModule(), ckpt_path=resume)
    return learner


@pytest.mark.parametrize("finished", [1, 3, 4])
def test_a_resumed_run_equals_the_uninterrupted_one_to_the_bit(tmp_path: Path, finished: int) -> None:
    whole = fit(tmp_path / "whole", 6)
    resumed = fit(tmp_path / "resumed", 6, resume=tmp_path / "whole" / f"iteration_{finished:06d}.ckpt")
    assert resumed.iteration == whole.iteration == 6
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    checkpoints = [torch.load(tmp_path / run / "last.ckpt") for run in ("whole", "resumed")]
    assert str(checkpoints[0]["optimizer_states"]) == str(checkpoints[1]["optimizer_states"])
    banks = [checkpoint[STATE_KEY][FEATURE_BANK_KEY] for checkpoint in checkpoints]
    assert len(banks[0]["moments.labels"]) == len(banks[0]["videos.labels"]) == 24
    assert banks[0].keys() == banks[1].keys()
    assert all(torch.equal(values, banks[1][name]) for name, values in banks[0].items())


def test_training_goes_through_all_phases_and_validation_scores_moment_categories(tmp_path: Path) -> None:
    learner = module()
    run = trainer(tmp_path, 3, callbacks=[IterationCheckpoint()], val_check_interval=1)
    run.fit(learner, datamodule=ToyDataModule())
    logged = run.callback_metrics
    for phase in ("recognition", "transfer", "generator", "detector"):
        assert torch.isfinite(logged[f"train/{phase}"])
    assert 0 <= logged["val/mAP"] <= 1
    assert 0 <= logged["val/AUC"] <= 1
    assert learner.categories.names == MOMENT


def test_four_steps_in_the_order_of_algorithm_1() -> None:
    learner = module()
    assert [phase.name for phase in learner.phases] == ["recognition", "transfer", "generator", "detector"]
    assert [phase.steps for phase in learner.phases] == [1] * 4
    assert len(learner.configure_optimizers()) == 4
    assert not any(phase.optimizer_per_loss for phase in learner.phases)


def test_training_loss_falls(tmp_path: Path) -> None:
    learner = module(optimizer=partial(torch.optim.Adam, lr=1e-3))
    totals: list[float] = []

    class Record(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
            names = ("foreground_cls", "moment_cls", "untrimmed_cls", "untrimmed_prop")
            totals.append(sum(float(trainer.callback_metrics[f"train/{name}"]) for name in names))

    run = trainer(tmp_path, 60, callbacks=[Record(), IterationCheckpoint()], limit_val_batches=0)
    run.fit(learner, datamodule=ToyDataModule())
    assert sum(totals[-10:]) < 0.9 * sum(totals[:10])


def test_stage_zero_weights_are_the_start(tmp_path: Path) -> None:
    fit(tmp_path, 2)
    started = module(initial_weights=[tmp_path / "last.ckpt"])
    saved = torch.load(tmp_path / "last.ckpt")["state_dict"]
    assert started.iteration == 0
    for name, value in started.state_dict().items():
        assert torch.equal(value, saved[name]), name


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    fit(tmp_path, 1)
    pyramid = partial(TemporalPyramid, stem_channels=(5, 7), level_channels=(8, 10, 12))
    with pytest.raises(CheckpointError, match=r"last\.ckpt: 'network' has another architecture"):
        AherModule(
            Categories(UNTRIMMED, MOMENT),
            backbone=MeanBackbone(),
            network=partial(toy_network, pyramid=pyramid),
            initial_weights=[tmp_path / "last.ckpt"],
        )


def test_classifiers_of_other_categories_and_replaced_parts_start_new(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(tmp_path, 1)
    renamed = [*MOMENT[:-1], "another"]
    started = AherModule(
        Categories(UNTRIMMED, renamed),
        backbone=MeanBackbone(),
        network=partial(toy_network, context=PastedContexts),
        generator=GeneratorPhase(enabled=False),
        initial_weights=[tmp_path / "last.ckpt"],
    )
    assert "no weights for this context and moment_classifier of 'network'" in caplog.text
    saved = torch.load(tmp_path / "last.ckpt")["state_dict"]
    for name, value in started.network.state_dict().items():
        is_new = name.startswith("moment_classifier")
        assert torch.equal(value, saved[f"network.{name}"]) != is_new, name


def test_data_at_another_iteration_is_refused(tmp_path: Path) -> None:
    learner = module()
    learner.iteration = 5
    data = ToyDataModule()
    data._finished_iterations = lambda: 0  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match="data is at iteration 0 and the module at 5"):
        trainer(tmp_path, 1, callbacks=[IterationCheckpoint()]).fit(learner, datamodule=data)


def test_two_modules_never_share_phases() -> None:
    assert module().generator is not module().generator
    assert module(generator=GeneratorPhase(adversarial_weight=3.0)).generator.adversarial_weight == 3.0


def test_the_global_generator_is_a_function_of_the_iteration() -> None:
    learner = module()
    learner.iteration = 4
    draws = []
    for _ in range(2):
        torch.rand(3)
        learner.on_train_batch_start(None, 0)
        draws.append(torch.rand(3))
    assert torch.equal(*draws)
    assert random_generator(0, 4).initial_seed() != random_generator(0, 5).initial_seed()
