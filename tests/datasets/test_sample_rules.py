from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datasets.sample_rules import SampleRules
from aher_lightning.datasets.snippet_source import SnippetSource
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import ConfigError
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.video.clips import count_clips
from aher_lightning.video.contract import TemporalContract
from tests.helpers.videos import VideoSpec, write_video

CONTRACT = TemporalContract(fps=10.0, clip_length=4, snippet_stride=2, first_centre_frames=2.0, resize=16, crop=16)
INSTANCES = (Instance("jump", 1.0, 1.2), Instance("wave", 2.0, 3.5), Instance("jump", 4.0, 5.0))
VIDEO = AnnotatedVideo("v", "training", 6.0, INSTANCES)


def spans(clips: list[TrimmedClip]) -> list[tuple[float, float] | None]:
    return [clip.span_sec for clip in clips]


def test_by_default_everything_counts() -> None:
    rules = SampleRules()
    assert rules.select_instances(VIDEO) == VIDEO
    assert spans(rules.cut_foregrounds([VIDEO], CONTRACT)) == [one[1:] for one in INSTANCES]
    clips = [TrimmedClip("v", (1.0, 1.1), "jump"), TrimmedClip("clip", None, "nod")]
    assert rules.widen_moments(clips, [VIDEO], CONTRACT) == clips


def test_instances_can_be_limited_to_the_first_ones_and_the_first_label() -> None:
    assert SampleRules(max_instances=2).select_instances(VIDEO).instances == INSTANCES[:2]
    assert SampleRules(one_label=True).select_instances(VIDEO).instances == (INSTANCES[0], INSTANCES[2])
    # The label first, then the limit: the limit is one of instances that count.
    assert SampleRules(one_label=True, max_instances=2).select_instances(VIDEO).instances == INSTANCES[::2]
    empty = VIDEO._replace(instances=())
    assert SampleRules(one_label=True, max_instances=2).select_instances(empty) == empty


def test_the_first_annotation_alone_can_be_the_foreground() -> None:
    other = AnnotatedVideo("o", "training", 6.0, (Instance("nod", 0.0, 6.0),))
    none = AnnotatedVideo("n", "training", 6.0, ())
    clips = SampleRules(foregrounds="first").cut_foregrounds([VIDEO, other, none], CONTRACT)
    assert clips == [TrimmedClip("v", (1.0, 1.2), "jump"), TrimmedClip("o", (0.0, 6.0), "nod")]


def test_short_foregrounds_and_moments_are_widened_around_their_middle() -> None:
    # Centres lie at 0.2, 0.4, ..., 5.6 seconds.
    first, second, third = spans(SampleRules(min_foreground_snippets=5).cut_foregrounds([VIDEO], CONTRACT))
    assert first == pytest.approx((0.5, 1.5))  # 0.6 to 1.4; as close to 1.1 as 0.8 to 1.6
    assert (second, third) == ((2.0, 3.5), (4.0, 5.0))
    clips = [TrimmedClip("v", (0.0, 0.3), "jump"), TrimmedClip("clip", None, "nod")]
    start, whole = SampleRules(min_moment_snippets=3).widen_moments(clips, [VIDEO], CONTRACT)
    assert start.span_sec == pytest.approx((0.0, 0.7))
    assert whole == clips[1]


@pytest.mark.parametrize("from_features", [True, False])
def test_feature_stores_and_video_files_give_so_many_snippets(tmp_path: Path, from_features: bool) -> None:
    path = write_video(tmp_path / "v.mp4", VideoSpec(num_frames=60))
    folder = VideoFolder({"v": path}, CONTRACT)
    source: SnippetSource = folder
    video = VIDEO._replace(duration_sec=folder.duration_sec("v"))
    total = count_clips(video.duration_sec, CONTRACT)
    if from_features:
        store = NpyFeatureStore.create(tmp_path / "store", CONTRACT)
        store.write("v", torch.zeros(total, 3), video.duration_sec)
        source = store
    for minimum, expected in ((4, 4), (9, 9), (1_000, total)):
        clip = SampleRules(min_foreground_snippets=minimum).cut_foregrounds([video], CONTRACT)[0]
        snippets = source.read("v", clip.span_sec)
        assert len(snippets.values) == expected
        # The span is the widened one: all its snippets have a place within it.
        assert snippets.first_centre >= 0
        assert snippets.first_centre + (expected - 1) * snippets.step <= 1


@pytest.mark.parametrize("name", ["min_foreground_snippets", "min_moment_snippets", "max_instances"])
def test_numbers_must_be_positive(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"'rules\.{name}' is 0, but must be at least 1; correct it"):
        SampleRules(**{name: 0})  # type: ignore[arg-type]
