from __future__ import annotations

from pathlib import Path

import pytorch_lightning as pl
import yaml
from pytorch_lightning.loggers import CSVLogger

from aher_lightning import __version__
from aher_lightning.callbacks import RunFacts
from tests.helpers.training import quiet_trainer, toy_localizer, train


def test_a_run_says_what_it_is(tmp_path: Path) -> None:
    module = toy_localizer()
    module.configuration = {"class_path": "aher_lightning.modules.localizer.LocalizerModule", "init_args": {"seed": 3}}
    logger = CSVLogger(tmp_path, name="", version="")
    train(module, tmp_path, 1, callbacks=[RunFacts()], logger=logger)
    facts = yaml.safe_load((tmp_path / "hparams.yaml").read_text())
    assert facts["model"] == module.configuration
    assert facts["contract"]["fps"] == 10.0
    assert facts["categories"] == {"untrimmed": 2, "moment": 3}
    assert (facts["version"], facts["processes"], facts["seed"]) == (__version__, 1, 0)


def test_modules_of_others_are_left_alone(tmp_path: Path) -> None:
    trainer = quiet_trainer(tmp_path, logger=CSVLogger(tmp_path, name="", version=""))
    RunFacts().on_train_start(trainer, pl.LightningModule())
    assert not (tmp_path / "hparams.yaml").exists()
