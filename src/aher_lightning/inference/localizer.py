"""Actions in one's own videos: checkpoint and video file in, detections out."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from aher_lightning.datasets.collate import pack_snippets
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.inference.rebuild import load_module
from aher_lightning.modules.base import BaseModule
from aher_lightning.structures import Detections
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.reader import VideoReader


class LocalizedVideo(NamedTuple):
    """The actions found in one video.

    Attributes:
        path: The video file.
        duration_sec: Its duration in seconds.
        detections: What was found, in seconds, best first.
    """

    path: Path
    duration_sec: float
    detections: Detections


class Localizer:
    """Find the actions of a trained module's categories in video files.

    Args:
        module: A trained module, with its temporal contract.
        reader: Decodes videos; ``None`` chooses one by itself.

    Raises:
        ContractError: If the module does not know how frames become snippets.

    Attributes:
        categories: Names that the labels of detections index.
    """

    def __init__(self, module: BaseModule, reader: VideoReader | None = None) -> None:
        self.module = module.eval()
        self.reader = reader or AutoReader()
        self.contract = module.require_contract()
        self.categories = module.categories.names

    @classmethod
    def from_checkpoint(
        cls, path: Path, reader: VideoReader | None = None, *, trust_plugins: bool = False
    ) -> Localizer:
        """Make a localizer of a checkpoint that ``aher fit`` wrote.

        Args:
            path: Checkpoint file.
            reader: Decodes videos; ``None`` chooses one by itself.
            trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

        Returns:
            The localizer.

        Raises:
            CheckpointError: If the file is no such checkpoint, or names classes that are not trusted.
        """
        return cls(load_module(path, trust_plugins=trust_plugins), reader)

    @torch.inference_mode()
    def localize(self, video: Path) -> LocalizedVideo:
        """Find the actions in a video.

        Args:
            video: Video file.

        Returns:
            The detections.

        Raises:
            VideoError: If the file cannot be decoded.
        """
        duration_sec = self.reader.probe(video).duration_sec
        folder = VideoFolder({video.stem: video}, self.contract, reader=self.reader)
        snippets = pack_snippets([folder.read(video.stem)])
        detections = self.module.detect(snippets, torch.tensor([duration_sec], dtype=torch.float64))[0]
        return LocalizedVideo(video, duration_sec, detections)
