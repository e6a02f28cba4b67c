"""Proposals labelled by a classifier of moments: AherNet- of the paper, and its yardstick of random proposals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from aher_lightning.errors import ConfigError
from aher_lightning.models.aher_net import REPLACEABLE_PARTS, AherNet
from aher_lightning.models.base import Backbone
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.snippet_classifier import class_probabilities
from aher_lightning.ops.pooling import mean_over_segments
from aher_lightning.ops.randomness import random_generator
from aher_lightning.ops.resample import Resampling
from aher_lightning.structures import Candidates, Categories, Detections, Proposals, SnippetSequences, UntrimmedBatch

ProposalSource = Literal["network", "random"]
"""Where proposals come from: the localization network, or chance."""


class ProposalClassifierModule(BaseModule):
    """Localize without transfer: class-agnostic proposals, each labelled by the snippet classifier.

    The proposals of the localization network know the boundaries of the untrimmed categories only; the
    classifier was trained on moments. The score of a proposal is the classifier's mean probability over
    it times its quality. Nothing is trained here: ``initial_weights`` must name the checkpoint
    of a :class:`~aher_lightning.modules.snippet_classifier.SnippetClassifierModule` and, for proposals of
    the network, that of a :class:`~aher_lightning.modules.localizer.LocalizerModule`.

    Implements AherNet- of section 4.3 of "Learning to Localize Actions from Moments" (Long et al., ECCV
    2020), arXiv:2008.13705.

    Args:
        categories: The two category sets.
        backbone: Turns pixels into features.
        network: Makes the network from feature channels and the sizes of the two category sets.
        decoder: Makes detections of proposals and probabilities.
        proposals: Where proposals come from.
        num_random: How many random proposals to draw per video.
        initial_weights: Checkpoints of the classifier and of the localizer.
        seed: Seed of random proposals.
        resampling: How features are brought to the network's length; the default if not given.
    """

    def __init__(
        self,
        categories: Categories,
        *,
        backbone: Backbone,
        network: Callable[[int, int, int], AherNet] = AherNet,
        decoder: DetectionDecoder | None = None,
        proposals: ProposalSource = "network",
        num_random: int = 100,
        initial_weights: Sequence[Path] = (),
        seed: int = 0,
        resampling: Resampling | None = None,
    ) -> None:
        super().__init__(
            categories,
            backbone=backbone,
            initial_weights=initial_weights,
            seed=seed,
            resampling=resampling,
        )
        channels = backbone.out_channels
        self.network = network(channels, len(categories.untrimmed), len(categories.moment))
        self.decoder = decoder or DetectionDecoder()
        self.proposals: ProposalSource = proposals
        self.num_random = num_random
        self.untrimmed_classifier = nn.Linear(channels, len(categories.untrimmed))
        self.moment_classifier = nn.Linear(channels, len(categories.moment))
        # Of the network, pyramid and head make proposals.
        unused = set(REPLACEABLE_PARTS) - {"head"}
        self.load_initial_weights(("backbone", "network", "untrimmed_classifier", "moment_classifier"), unused)

    def candidates(self, snippets: SnippetSequences) -> Candidates:
        """Return labelled proposals; see :meth:`BaseModule.candidates`. Random ones go by the place of a video."""
        return self._candidates(snippets, [str(row) for row in range(len(snippets.lengths))])

    def select(self, candidates: Candidates, durations_sec: Tensor, num_windows: int = 1) -> list[Detections]:
        """Return what the decoder selects; see :meth:`BaseModule.select`."""
        return self.decoder.select(candidates, durations_sec, num_windows)

    def shortlist(self, candidates: Candidates) -> Candidates:
        """Return what the decoder would keep of each window; see :meth:`BaseModule.shortlist`."""
        return self.decoder.shortlist(candidates)

    def detect_in_batch(self, batch: UntrimmedBatch) -> list[Detections]:
        """Localize actions; a video has the same random proposals in whatever batch, order and process it comes."""
        if self.evaluation_window_sec is not None:  # random proposals then go by the place of a window in its video
            return super().detect_in_batch(batch)
        return self.select(self._candidates(batch.snippets, batch.video_ids), batch.durations_sec)

    def training_step(self, batch: object, batch_idx: int) -> None:
        """Do nothing; Lightning requires the method before ``configure_optimizers`` can refuse training."""

    def configure_optimizers(self) -> None:
        """Refuse training."""
        raise ConfigError("ProposalClassifierModule trains nothing: use it with 'aher test', 'validate' or 'predict'")

    def _candidates(self, snippets: SnippetSequences, video_ids: Sequence[str]) -> Candidates:
        """Labelled proposals in videos that have names."""
        features = self.encode(snippets, self.network.length)
        if self.proposals == "random":
            segments = self._random_segments(video_ids).to(features)
            proposals = Proposals(segments, torch.ones_like(segments[..., 0]))
        else:
            proposals = self.network.head.decode(self.network(features, self.categories.evaluated).head)
        probabilities = class_probabilities(self, features.transpose(1, 2)).transpose(1, 2)  # (B, K, T)
        return self.decoder.fuse(proposals, mean_over_segments(probabilities, proposals.segments))

    def _random_segments(self, video_ids: Sequence[str]) -> Tensor:
        """Segments with uniformly drawn ends ``(B, A, 2)``, a function of seed and video."""
        generators = [random_generator(self.seed, "proposals", video_id) for video_id in video_ids]
        ends = torch.stack([torch.rand(self.num_random, 2, generator=generator) for generator in generators])
        return ends.sort(dim=-1).values
