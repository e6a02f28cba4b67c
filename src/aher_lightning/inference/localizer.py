"""Localize actions in video files with a trained checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from aher_lightning.checkpoints.hub import is_on_hub
from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.features.loose_file import FEATURE_SUFFIX, open_feature_file
from aher_lightning.inference.detection_selection import category_labels, select_detections
from aher_lightning.inference.device import choose_device
from aher_lightning.inference.feature_stream import stream_features, window_snippets
from aher_lightning.inference.rebuild import load_module
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.provenance import check_backbone, check_maker
from aher_lightning.modules.windowed_detection import candidates_in_windows
from aher_lightning.ops.windows import Window, length_in_windows, merge_windows, split_windows
from aher_lightning.structures import Detections, SnippetSequence
from aher_lightning.video.contract import PROVENANCE
from aher_lightning.video.frame_source import FrameSource
from aher_lightning.video.reader import VideoReader


class LocalizedVideo(NamedTuple):
    """The actions found in one video.

    Attributes:
        path: The video, or its features.
        duration_sec: Duration of the video in seconds.
        detections: What was found, in seconds, best first, on the CPU.
        num_windows: Length of the video in windows, at least 1; see
            :func:`~aher_lightning.ops.windows.length_in_windows`.
    """

    path: Path
    duration_sec: float
    detections: Detections
    num_windows: int


class Localizer:
    """Find the actions of a trained module's categories in video files of any length.

    A video much longer than those of training is localized in overlapping windows of their length, decoded as a
    stream: memory does not depend on its duration. Several threads may use one localizer at the same time.

    Args:
        module: A trained module, with its temporal contract; it is moved to the device.
        reader: Decodes videos; ``None`` chooses one.
        device: Where the networks run, such as "cpu" or "cuda:1"; "auto" takes a GPU if there is one.
        window_sec: Length of a window in seconds; defaults to that of training, or else to the whole video.
        time_limit_sec: If given, videos are decoded in a child process, so that a file that crashes the decoder or
            stalls it for so long fails alone; see :class:`~aher_lightning.video.frame_source.FrameSource`.

    Raises:
        ConfigError: If the device does not exist, or a number of seconds is not positive.
        ContractError: If the module does not know how frames become snippets.

    Attributes:
        categories: Names that the labels of detections index.
        frames: Where the frames of videos come from.
    """

    def __init__(
        self,
        module: BaseModule,
        reader: VideoReader | None = None,
        *,
        device: str = "auto",
        window_sec: float | None = None,
        time_limit_sec: float | None = None,
    ) -> None:
        self.contract = module.require_contract()
        self.module = module.eval().to(choose_device(device))
        self.frames = FrameSource(self.contract, reader, time_limit_sec=time_limit_sec)
        self.categories = module.categories.names
        self.window_sec = module.window_sec if window_sec is None else window_sec
        split_windows(0.0, self.window_sec)  # refuses an impossible length before any video is read

    @classmethod
    def from_checkpoint(
        cls,
        path: Path | str,
        reader: VideoReader | None = None,
        *,
        device: str = "auto",
        window_sec: float | None = None,
        time_limit_sec: float | None = None,
        trust_plugins: bool = False,
    ) -> Localizer:
        """Load a checkpoint that ``aher fit`` wrote, or an exported folder.

        Args:
            path: Checkpoint file, exported folder, or ``hf://user/model``.
            reader: Decodes videos; ``None`` chooses one.
            device: Where the networks run; see :class:`Localizer`.
            window_sec: Length of a window in seconds; see :class:`Localizer`.
            time_limit_sec: How long a decoder may stall; see :class:`Localizer`.
            trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

        Raises:
            CheckpointError: If the file is not such a checkpoint, or names classes that are not trusted.
            ConfigError: If the device does not exist, or a number of seconds is not positive.
        """
        module = load_module(Path(path), trust_plugins=trust_plugins)
        return cls(module, reader, device=device, window_sec=window_sec, time_limit_sec=time_limit_sec)

    @classmethod
    def from_pretrained(
        cls,
        folder: Path | str,
        reader: VideoReader | None = None,
        *,
        device: str = "auto",
        window_sec: float | None = None,
        time_limit_sec: float | None = None,
        trust_plugins: bool = False,
    ) -> Localizer:
        """Load a folder that ``aher export --format safetensors`` wrote, or one on the hub by ``hf://user/model``.

        A folder is loaded without network requests.

        The arguments are those of :meth:`from_checkpoint`.

        Raises:
            CheckpointError: If it is not such a folder, or names classes that are not trusted.
            ConfigError: If the device does not exist, or a number of seconds is not positive.
        """
        if not is_on_hub(Path(folder)) and not Path(folder).is_dir():
            raise CheckpointError(f"{folder}: no such folder; export one with 'aher export --format safetensors'")
        return cls.from_checkpoint(
            folder,
            reader,
            device=device,
            window_sec=window_sec,
            time_limit_sec=time_limit_sec,
            trust_plugins=trust_plugins,
        )

    @torch.inference_mode()
    def localize(
        self,
        video: Path | str,
        *,
        top_k: int | None = None,
        min_score: float = 0.0,
        categories: Sequence[str] | None = None,
        report: Callable[[int], None] = lambda _: None,
    ) -> LocalizedVideo:
        """Find the actions in a video.

        Args:
            video: Video file; or an ``.npy`` file of its features, see
                :func:`~aher_lightning.features.loose_file.open_feature_file`.
            top_k: Most detections to keep; all that the decoder selects if not given, by default 100 segments per
                window length of video, each in up to three categories.
            min_score: Smallest score to keep.
            categories: Names of the categories to keep; all if not given. Does not change scores.
            report: Called with the number of clips finished since the last call; the total is
                ``count_clips(duration, contract)``.

        Raises:
            ConfigError: If ``top_k`` is below 1, or a category is unknown.
            ContractError: If the features are of another kind than those of training.
            DataError: If a file of features cannot be read.
            VideoError: If the file cannot be decoded, or not within the time limit.
        """
        if top_k is not None and top_k < 1:
            raise ConfigError(f"'top_k' is {top_k}, but at least 1 detection must be kept; correct it")
        labels = category_labels(categories, self.categories)
        path = Path(video)
        if path.suffix == FEATURE_SUFFIX:
            duration_sec, windows, snippets = self._read_features(path)
        else:
            duration_sec = self.frames.probe(path).duration_sec
            windows = split_windows(duration_sec, self.window_sec)
            features = stream_features(self.module, self.frames, path, report)
            snippets = window_snippets(features, windows, self.module)
        found = list(candidates_in_windows(self.module, snippets, len(windows)))
        num_windows = length_in_windows(duration_sec, self.window_sec)
        merged = merge_windows(windows, found, duration_sec)
        (detections,) = self.module.select(merged, torch.tensor([duration_sec], dtype=torch.float64), num_windows)
        kept = select_detections(
            detections,
            top_k=top_k,
            min_score=min_score,
            labels=labels,
        )
        return LocalizedVideo(path, duration_sec, kept, num_windows)

    def _read_features(self, path: Path) -> tuple[float, list[Window], Iterator[SnippetSequence]]:
        """Duration, windows and their snippets of a file of features, if they are of the kind of training."""
        store, name = open_feature_file(path, self.contract)
        self.contract.check_compatible(
            store.contract, ignore=PROVENANCE, where=("in the checkpoint", f"in {path.parent}"), remedy="extract again"
        )
        check_backbone(store.contract, self.module.backbone)
        check_maker(self.contract, store.contract, self.module.backbone)
        duration_sec = store.duration_sec(name)
        windows = split_windows(duration_sec, self.window_sec)
        spans = [None] if len(windows) == 1 else [(one.start_sec, one.end_sec) for one in windows]
        return duration_sec, windows, (store.read(name, span) for span in spans)
