from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from aher_lightning.callbacks import TimelineImages
from aher_lightning.errors import ConfigError
from tests.helpers.toy import ToyDataModule
from tests.helpers.training import quiet_trainer, toy_localizer


def validate(folder: Path, videos: int, logger: Any) -> None:
    trainer = quiet_trainer(folder, callbacks=[TimelineImages(videos)], limit_val_batches=None, logger=logger)
    module = toy_localizer()
    module.iteration = 20
    trainer.validate(module, datamodule=ToyDataModule(eval_batch_size=2), verbose=False)


def test_the_first_videos_are_drawn_beside_the_table(tmp_path: Path) -> None:
    validate(tmp_path, 3, CSVLogger(tmp_path, name="", version=""))
    found = sorted((tmp_path / "timelines").iterdir())
    assert [path.name for path in found] == [f"val{number}_000020.png" for number in range(3)]
    with Image.open(found[0]) as picture:
        assert picture.size[0] > picture.size[1] > 50


def test_tensorboard_gets_images(tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    validate(tmp_path, 1, TensorBoardLogger(tmp_path, name="", version=""))
    events = event_accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["images"] == ["timelines/val0"]
    (image,) = events.Images("timelines/val0")
    assert image.step == 20
    assert image.width > image.height > 50


@pytest.mark.parametrize(("videos", "logger"), [(0, True), (2, False)])
def test_nothing_is_drawn_that_nobody_wants_or_takes(videos: int, logger: bool, tmp_path: Path) -> None:
    validate(tmp_path, videos, CSVLogger(tmp_path, name="", version="") if logger else False)
    assert not list(tmp_path.rglob("*.png"))


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'timelines\.videos' is -1"):
        TimelineImages(-1)
