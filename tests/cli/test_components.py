from __future__ import annotations

import subprocess
import sys

from jsonargparse import ArgumentParser

from aher_lightning.cli import components
from aher_lightning.models.base import Backbone
from aher_lightning.video.reader import VideoReader


def test_short_names_are_known() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--backbone", type=Backbone)
    parser.add_argument("--reader", type=VideoReader)
    parsed = parser.parse_args(["--backbone=P3DSmall", "--reader=TorchCodecReader"])
    assert parsed.backbone.class_path == "aher_lightning.models.P3DSmall"
    assert parsed.reader.class_path == "aher_lightning.video.TorchCodecReader"


def test_packages_import_their_classes() -> None:
    names = [f"aher_lightning.{name}" for name in components.__all__]
    program = f"import sys, aher_lightning.cli.components; assert set({names}) <= sys.modules.keys()"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert [vars(components)[name].__name__ for name in components.__all__] == names
