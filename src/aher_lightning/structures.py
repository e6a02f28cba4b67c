"""Typed records passed between layers; the units of every field are defined here once.

Seconds at the boundary of the package (annotations, detections, metrics); positions normalized to
``[0, 1]`` of the video inside the model. Letters: B videos, N snippets, C channels, T time steps,
G ground-truth instances, N cells and A predictions of a head, L pyramid levels, K categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from aher_lightning.errors import ConfigError

CategorySet = Literal["untrimmed", "moment"]
"""Categories with temporal annotations, or those known from moments only."""

EvaluatedSet = Literal["untrimmed", "moment", "all"]
"""The categories detected and scored: one of the two sets, or both."""


def category_sets(evaluated: EvaluatedSet) -> tuple[CategorySet, ...]:
    """Return the one or two category sets of a choice, in the order of the labels.

    Example:
        >>> category_sets("all")
        ('untrimmed', 'moment')
    """
    return ("untrimmed", "moment") if evaluated == "all" else (evaluated,)


class Categories:
    """The two category sets of a setting, and which of them is evaluated.

    Args:
        untrimmed: Names of the categories with temporal annotations, in the order of their indices.
        moment: Names of the categories known from moments only, in the order of their indices.
        evaluated: The categories that validation and test score.

    Raises:
        ConfigError: If a category is in both sets.

    Example:
        >>> Categories(["jump"], ["clap", "nod"]).names
        ['clap', 'nod']
        >>> Categories(["jump"], ["clap", "nod"], "all").groups
        {'untrimmed': range(0, 1), 'moment': range(1, 3)}
    """

    def __init__(self, untrimmed: Sequence[str], moment: Sequence[str], evaluated: EvaluatedSet = "moment") -> None:
        shared = sorted(set(untrimmed) & set(moment))
        if shared:
            raise ConfigError(f"category '{shared[0]}' is in both category sets; a category belongs to one of them")
        self.untrimmed = list(untrimmed)
        self.moment = list(moment)
        self.evaluated: EvaluatedSet = evaluated

    @property
    def names(self) -> list[str]:
        """The evaluated categories, which the labels of detections index."""
        return [name for category_set in self.evaluated_sets for name in getattr(self, category_set)]

    @property
    def evaluated_sets(self) -> tuple[CategorySet, ...]:
        """The category sets that are evaluated, in the order of the labels."""
        return category_sets(self.evaluated)

    @property
    def groups(self) -> dict[CategorySet, range]:
        """The labels of each evaluated category set."""
        ends = list(accumulate(len(getattr(self, category_set)) for category_set in self.evaluated_sets))
        return {one: range(first, end) for one, first, end in zip(self.evaluated_sets, [0, *ends], ends, strict=False)}


class AddedCategory(NamedTuple):
    """A category added after training: its name, its number of clips, and the version of this package that added it."""

    name: str
    clips: int
    version: str


class SnippetSequence(NamedTuple):
    """The snippets of one video or one span of it, with their positions in time.

    Attributes:
        values: Pixel clips ``(N, 3, F, H, W)`` uint8, or features ``(N, C)`` float.
        first_centre: Centre of the first snippet, normalized to the span.
        step: Distance of neighbouring snippet centres, normalized to the span.
    """

    values: Tensor
    first_centre: float
    step: float


class SnippetSequences(NamedTuple):
    """The snippet sequences of a batch, concatenated along the first dimension.

    Attributes:
        values: Pixel clips ``(sum N, 3, F, H, W)`` uint8, or features ``(sum N, C)`` float.
        lengths: Snippets per sequence, int64 ``(B,)``; they sum to the first dimension of ``values``.
        first_centres: Centre of each sequence's first snippet, normalized, ``(B,)``.
        steps: Distance of neighbouring snippet centres, normalized, ``(B,)``.
    """

    values: Tensor
    lengths: Tensor
    first_centres: Tensor
    steps: Tensor

    @property
    def durations(self) -> Tensor:
        """Duration of each sequence in snippet strides, ``(B,)``."""
        return 1 / self.steps

    def on(self, device: torch.device) -> SnippetSequences:
        """Return a copy with all tensors on a device."""
        # Not called 'to': Lightning would call it instead of moving the fields.
        return SnippetSequences(*(values.to(device) for values in self))

    def select(self, rows: Sequence[int]) -> SnippetSequences:
        """Return some of the sequences, in the given order; a row may be chosen more than once.

        Example:
            >>> halves = torch.full((2,), 0.5)
            >>> two = SnippetSequences(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([1, 2]), halves, halves)
            >>> two.select([1, 0]).values.flatten().tolist()
            [1.0, 2.0, 0.0]
        """
        chosen = list(rows)
        parts = torch.split(self.values, self.lengths.tolist())
        values = torch.cat([self.values[:0], *(parts[row] for row in chosen)])
        return SnippetSequences(values, self.lengths[chosen], self.first_centres[chosen], self.steps[chosen])

    @classmethod
    def pack(cls, sequences: Sequence[SnippetSequence]) -> SnippetSequences:
        """Return sequences with values ``(N_i, ...)`` of equal trailing shape as one batch ``(sum N_i, ...)``."""
        return cls(
            values=torch.cat([sequence.values for sequence in sequences]),
            lengths=torch.tensor([len(sequence.values) for sequence in sequences]),
            first_centres=torch.tensor([sequence.first_centre for sequence in sequences]),
            steps=torch.tensor([sequence.step for sequence in sequences]),
        )

    def split(self) -> list[SnippetSequence]:
        """Return the sequences one by one."""
        values = torch.split(self.values, self.lengths.tolist())
        return [
            SnippetSequence(*fields)
            for fields in zip(values, self.first_centres.tolist(), self.steps.tolist(), strict=True)
        ]


class UntrimmedSample(NamedTuple):
    """A long video with its annotated instances.

    Attributes:
        video_id: Name of the video in the annotation file.
        position: Index in the data set, the same on every process.
        snippets: Snippets of the whole video.
        duration_sec: Duration in seconds.
        segments_sec: Ground truth ``(start, end)`` in seconds, float64 ``(G, 2)``; may be empty.
        labels: Category index of each segment, int64 ``(G,)``.
    """

    video_id: str
    position: int
    snippets: SnippetSequence
    duration_sec: float
    segments_sec: Tensor
    labels: Tensor


class MomentSample(NamedTuple):
    """A trimmed clip of one action: a moment, or the foreground segment of an untrimmed video.

    Attributes:
        video_id: Name of the moment, or of the video that the segment was cut from.
        snippets: Snippets of the trimmed span.
        label: Category index.
    """

    video_id: str
    snippets: SnippetSequence
    label: int


class UntrimmedBatch(NamedTuple):
    """Several :class:`UntrimmedSample`, ground truth padded to the largest count.

    Attributes:
        iteration: Training iteration that this batch belongs to; -1 in evaluation.
        video_ids: Names, B of them.
        positions: Indices in the data set, int64 ``(B,)``; they order equal scores.
        snippets: Packed snippets.
        durations_sec: Durations in seconds, float64 ``(B,)``.
        segments_sec: Ground truth ``(start, end)`` in seconds, float64 ``(B, G, 2)``; padding is 0.
        labels: Category indices, int64 ``(B, G)``; -1 marks padding.
    """

    iteration: int
    video_ids: list[str]
    positions: Tensor
    snippets: SnippetSequences
    durations_sec: Tensor
    segments_sec: Tensor
    labels: Tensor


class MomentBatch(NamedTuple):
    """Several :class:`MomentSample`.

    Attributes:
        iteration: Training iteration that this batch belongs to; -1 in evaluation.
        video_ids: Names, B of them.
        snippets: Packed snippets.
        labels: Category indices, int64 ``(B,)``.
    """

    iteration: int
    video_ids: list[str]
    snippets: SnippetSequences
    labels: Tensor


class LabelledVideos(NamedTuple):
    """Features of untrimmed videos, or of synthetic ones, with their instances.

    Attributes:
        features: Feature sequences, ``(B, C, T)``.
        segments: Ground truth ``(start, end)``, normalized, ``(B, G, 2)``.
        labels: Its categories, int64 ``(B, G)``; -1 marks padding, which comes last.
        durations: In snippet strides, ``(B,)``.
    """

    features: Tensor
    segments: Tensor
    labels: Tensor
    durations: Tensor


class LabelledClips(NamedTuple):
    """Features of trimmed clips: moments or foreground segments.

    Attributes:
        features: Feature sequences, ``(B, C, T)``; moments have half as many steps as untrimmed videos.
        labels: Their categories, int64 ``(B,)``.
        durations: In snippet strides, ``(B,)``.
    """

    features: Tensor
    labels: Tensor
    durations: Tensor


HeadOutputs = dict[str, Tensor]
"""What a head says about its predictions, under names of its own; the first dimension of each is B."""


class LevelOutputs(NamedTuple):
    """What the network says, all pyramid levels concatenated in order.

    Attributes:
        class_logits: Anchor-level classification, one vector for each of the ``N = sum_j n_j`` cells, ``(B, K, N)``.
        head: What only the head that said it can read.
    """

    class_logits: Tensor
    head: HeadOutputs


class Targets(NamedTuple):
    """What the cells and the predictions of a head stand for, given the ground truth.

    Attributes:
        is_foreground: Cells that show an instance, bool ``(B, N)``.
        instances: The instance that each cell speaks for, the nearest one where it shows none, int64 ``(B, N)``; 0 in
            videos without any.
        is_background: Predictions where nothing happens, bool ``(B, A)``.
        details: What else the head compares its outputs with, under names of its own.
    """

    is_foreground: Tensor
    instances: Tensor
    is_background: Tensor
    details: dict[str, Tensor]


class Proposals(NamedTuple):
    """Segments of all predictions of a head, without category.

    Attributes:
        segments: ``(start, end)``, normalized and clipped to the video, ``(B, A, 2)``; the end is not after the start
            where a segment lies outside the video.
        quality: How well each is expected to fit an instance, in ``[0, 1]``, ``(B, A)``.
        actionness: Probability that something happens there, ``(B, A)``; ``None`` if the head does not predict it.
    """

    segments: Tensor
    quality: Tensor
    actionness: Tensor | None = None

    @property
    def is_inside(self) -> Tensor:
        """Which segments lie in the video at all, bool ``(B, A)``."""
        return self.segments[..., 1] > self.segments[..., 0]


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Statistics of RGB values in ``[0, 1]``, with which most networks of torchvision and timm were trained."""


class InputSpec(NamedTuple):
    """The clips that a backbone wants; fields that are ``None`` are the user's choice.

    Pixels are RGB. Those of a clip that reaches the backbone are ``(value - mean) / std`` of values in ``[0, 1]``.

    Attributes:
        frames: Frames of a clip.
        size: Side of the square picture in pixels.
        mean: Subtracted from RGB values in ``[0, 1]``, one number per channel.
        std: Divides the result.
        fps: Frames per second of the videos that it was trained on; a suggestion, as others work too.
        resize: Shorter side in pixels before cropping to ``size``; a suggestion too.
    """

    frames: int | None = None
    size: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    fps: float | None = None
    resize: int | None = None


class Candidates(NamedTuple):
    """Segments of all predictions before suppression, each with its best categories.

    Attributes:
        segments: ``(start, end)``, normalized and clipped to the video, ``(B, A, 2)``.
        scores: Confidence in each of the best categories, descending, ``(B, A, k)``; ``-inf`` where the segment lies
            outside the video.
        labels: Those categories, int64 ``(B, A, k)``.
    """

    segments: Tensor
    scores: Tensor
    labels: Tensor


class Survivors(NamedTuple):
    """What suppression leaves of the candidates of each video, best first.

    Attributes:
        indices: Into the candidates, int64 ``(B, M)``; -1 marks padding, which comes last.
        segments: ``(start, end)``, which may differ from the candidate's, ``(B, M, 2)``.
        scores: Confidence after suppression, ``(B, M)``.
    """

    indices: Tensor
    segments: Tensor
    scores: Tensor


class Detections(NamedTuple):
    """Classified, scored segments of one video, best first.

    Attributes:
        segments: ``(start, end)`` in seconds, ``(N, 2)``.
        scores: Confidence, ``(N,)``.
        labels: Category index, int64 ``(N,)``.
    """

    segments: Tensor
    scores: Tensor
    labels: Tensor
