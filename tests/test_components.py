from __future__ import annotations

import subprocess
import sys

import pytest
from jsonargparse import ArgumentParser

from aher_lightning import components
from aher_lightning.models.base import Backbone
from aher_lightning.video.reader import VideoReader


def test_short_names_are_known() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--backbone", type=Backbone)
    parser.add_argument("--reader", type=VideoReader)
    parsed = parser.parse_args(["--backbone=P3DSmall", "--reader=TorchCodecReader"])
    assert parsed.backbone.class_path == "aher_lightning.models.P3DSmall"
    assert parsed.reader.class_path == "aher_lightning.video.TorchCodecReader"


@pytest.mark.parametrize("name", components.__all__)
def test_packages_import_their_classes(name: str) -> None:
    program = f"import sys, aher_lightning.components; assert 'aher_lightning.{name}' in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert vars(components)[name].__name__ == f"aher_lightning.{name}"
