from __future__ import annotations

from typing import get_type_hints

from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.modules.attached_data import AttachedData


def test_data_modules_have_what_modules_read() -> None:
    read = {name: value for name, value in vars(AttachedData).items() if isinstance(value, property)}
    assert set(read) == {"contract", "window_sec", "training_window_sec"}
    for name, wanted in read.items():
        given = getattr(MixedDataModule, name)
        assert get_type_hints(given.fget)["return"] == get_type_hints(wanted.fget)["return"]
