from __future__ import annotations

from aher_lightning.annotations.activitynet import AnnotatedVideo, Instance
from aher_lightning.datasets.foreground import foreground_clips
from aher_lightning.datasets.moments import TrimmedClip

VIDEOS = [
    AnnotatedVideo("a", "training", 30.0, (Instance("jump", 1.0, 4.0), Instance("wave", 10.0, 12.5))),
    AnnotatedVideo("none", "training", 30.0, ()),
    AnnotatedVideo("b", "training", 30.0, (Instance("jump", 0.0, 30.0),)),
]


def test_every_instance_is_a_clip() -> None:
    assert foreground_clips(VIDEOS) == [
        TrimmedClip("a", (1.0, 4.0), "jump"),
        TrimmedClip("a", (10.0, 12.5), "wave"),
        TrimmedClip("b", (0.0, 30.0), "jump"),
    ]


def test_no_videos_no_clips() -> None:
    assert foreground_clips([]) == []
    assert foreground_clips(iter(VIDEOS[1:2])) == []
