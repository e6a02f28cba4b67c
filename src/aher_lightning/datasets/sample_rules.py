"""Rules that select annotations and spans for training, with those of the released code as options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.annotations.trimmed_clips import TrimmedClip, foreground_clips
from aher_lightning.errors import ConfigError
from aher_lightning.ops.spans import widen_span
from aher_lightning.video.clips import count_clips
from aher_lightning.video.contract import TemporalContract


@dataclass(frozen=True)
class SampleRules:
    """Which annotations of a training video are used, and how short a clip of it may be.

    The defaults use all annotations. The released code of AherNet differs; the closest value of each option is given
    below (see docs/faithfulness.md). Evaluation is not affected.

    Args:
        foregrounds: Use "all" annotated segments of a video as foreground segments, or only the "first", as released.
        min_foreground_snippets: A foreground segment with fewer snippets is widened around its middle within the
            video; 32 as released. The released code is known to use "at least 32", not what it does with shorter ones.
        min_moment_snippets: The same for moments that are cut out of longer videos; 8 as released. A moment with its
            own file is used whole.
        max_instances: Use only the first instances of an untrimmed training video, in the order of the annotations;
            25 as released. ``None`` sets no limit.
        one_label: Whether to use only the instances with the label of a video's first instance, as released.

    Raises:
        ConfigError: If a number is not positive.

    Example:
        >>> SampleRules(foregrounds="first", max_instances=25).one_label
        False
    """

    foregrounds: Literal["all", "first"] = "all"
    min_foreground_snippets: int = 1
    min_moment_snippets: int = 1
    max_instances: int | None = None
    one_label: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers below one."""
        for name in ("min_foreground_snippets", "min_moment_snippets", "max_instances"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"'rules.{name}' is {value}, but must be at least 1; correct it")

    def select_instances(self, video: AnnotatedVideo) -> AnnotatedVideo:
        """Return an untrimmed training video with the selected instances, order kept."""
        instances = video.instances
        if self.one_label:
            instances = tuple(instance for instance in instances if instance.label == instances[0].label)
        return video._replace(instances=instances[: self.max_instances])

    def cut_foregrounds(self, videos: Iterable[AnnotatedVideo], contract: TemporalContract) -> list[TrimmedClip]:
        """Return the foreground segments of untrimmed training videos whose instances are selected."""
        kept = 1 if self.foregrounds == "first" else None
        chosen = [video._replace(instances=video.instances[:kept]) for video in videos]
        durations_sec = {video.video_id: video.duration_sec for video in chosen}
        clips = foreground_clips(chosen)
        return [_widened(clip, self.min_foreground_snippets, durations_sec, contract) for clip in clips]

    def widen_moments(
        self, clips: Sequence[TrimmedClip], videos: Iterable[AnnotatedVideo], contract: TemporalContract
    ) -> list[TrimmedClip]:
        """Return the moments, those that are cut out of a longer one of the videos with enough snippets."""
        durations_sec = {video.video_id: video.duration_sec for video in videos}
        return [_widened(clip, self.min_moment_snippets, durations_sec, contract) for clip in clips]


def _widened(
    clip: TrimmedClip, minimum: int, durations_sec: Mapping[str, float], contract: TemporalContract
) -> TrimmedClip:
    """The clip with its span widened to a minimum of snippets, if its video has them."""
    if clip.span_sec is None or minimum == 1:
        return clip
    duration_sec = durations_sec[clip.video_id]
    span_sec = widen_span(
        clip.span_sec,
        minimum,
        count=count_clips(duration_sec, contract),
        first_centre_sec=contract.first_centre_sec,
        step_sec=contract.step_sec,
        duration_sec=duration_sec,
    )
    return clip._replace(span_sec=span_sec)
