"""Synthetic videos of what a feature bank holds: moments of old and new categories in the background of its videos."""

from __future__ import annotations

import torch
from torch import Tensor

from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.bank_content import BankContent, StoredVideos
from aher_lightning.models.base import Context
from aher_lightning.models.mixed_contexts import MixedContexts
from aher_lightning.models.pasted_contexts import PastedContexts
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.ops.pasting import background_steps
from aher_lightning.structures import LabelledClips, LabelledVideos, SnippetSequences


def videos_with_background(videos: StoredVideos, length: int) -> list[int]:
    """Return the rows of the videos with a time step outside all instances, given the number T of time steps."""
    return background_steps(videos.segments, videos.labels, length).any(dim=1).nonzero().flatten().tolist()


def pasting_context(network: AherNet) -> Context:
    """Return what pastes moments: the context of the network where it does, the default one elsewhere."""
    context = network.context.pasted if isinstance(network.context, MixedContexts) else network.context
    if isinstance(context, PastedContexts):
        return context
    return PastedContexts(0, network.length)


class PastedVideos:
    """Draws synthetic videos from a feature bank, the same ones for the same seed.

    Categories take turns in random order, so that all are drawn equally often; moments of a category are drawn
    independently, and so is the video whose background and layout a moment gets.

    Args:
        module: Resamples features to the lengths of its network.
        bank: Moments, and at least one video with background.
        labels: The categories to draw; each has a moment in the bank.
        generator: Source of all random choices, on the CPU.
    """

    def __init__(self, module: PhasedModule, bank: BankContent, labels: Tensor, generator: torch.Generator) -> None:
        self._module = module
        self._bank = bank
        self._generator = generator
        self._rows = [(bank.moments.labels == label).nonzero().flatten() for label in labels]
        self._videos = torch.tensor(videos_with_background(bank.videos, module.network.length))
        self._context = pasting_context(module.network)
        self._turn = torch.zeros(0, dtype=torch.int64)

    def draw(self, count: int) -> LabelledVideos:
        """Return some synthetic videos on the module's device, one moment category each."""
        network, moments = self._module.network, self._bank.moments
        rows = [int(self._one_of(self._rows[place])) for place in self._next_categories(count)]
        clips = LabelledClips(
            self._features(moments.snippets.select(rows), network.moment_length),
            moments.labels[rows].to(self._module.device),
            (1 / moments.snippets.steps[rows]).to(self._module.device),
        )
        videos = [int(self._one_of(self._videos)) for _ in range(count)]
        synthetic: LabelledVideos = self._context(clips, self._untrimmed(videos), self._generator)
        return synthetic

    def untrimmed(self, count: int) -> LabelledVideos:
        """Return some of the bank's videos as they are, on the module's device."""
        total = len(self._bank.videos.labels)
        return self._untrimmed(torch.randint(total, (count,), generator=self._generator).tolist())

    def _untrimmed(self, rows: list[int]) -> LabelledVideos:
        snippets, segments, labels = self._bank.videos
        chosen = snippets.select(rows)
        device = self._module.device
        return LabelledVideos(
            self._features(chosen, self._module.network.length),
            segments[rows].to(device),
            labels[rows].to(device),
            chosen.durations.to(device),
        )

    def _features(self, snippets: SnippetSequences, length: int) -> Tensor:
        """Feature sequences of stored snippets, ``(B, C, T)``."""
        on_device = snippets.on(self._module.device)
        return self._module.resample(on_device._replace(values=on_device.values.float()), length)

    def _one_of(self, values: Tensor) -> Tensor:
        return values[torch.randint(len(values), (), generator=self._generator)]

    def _next_categories(self, count: int) -> list[int]:
        """Places of the categories whose turn it is."""
        while len(self._turn) < count:
            self._turn = torch.cat([self._turn, torch.randperm(len(self._rows), generator=self._generator)])
        places, self._turn = self._turn[:count].tolist(), self._turn[count:]
        return places
