from __future__ import annotations

from collections import Counter

import pytest

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.datasets.background_videos import find_background, mix_background


def videos(prefix: str, count: int) -> list[AnnotatedVideo]:
    return [AnnotatedVideo(f"{prefix}{number}", "training", 9.0, ()) for number in range(count)]


@pytest.mark.parametrize(
    ("num_annotated", "num_background", "share", "expected"),
    [
        (6, 2, 0.25, (6, 2)),  # fits as it is
        (4, 4, 0.25, (12, 4)),  # annotated videos three times
        (30, 2, 0.25, (30, 10)),  # background five times
        (5, 3, 0.5, (5, 5)),
        (4, 3, 0.25, (9, 3)),  # not all of them equally often
        (4, 0, 0.25, (4, 0)),
    ],
)
def test_the_share_is_reached_by_repeating(
    num_annotated: int, num_background: int, share: float, expected: tuple[int, int]
) -> None:
    mixed = mix_background(videos("a", num_annotated), videos("b", num_background), share)
    counts = Counter(video.video_id for video in mixed)
    assert (sum(name[0] == "a" for name in counts.elements()), sum(name[0] == "b" for name in counts.elements())) == (
        expected
    )
    for prefix, count in (("a", num_annotated), ("b", num_background)):
        own = [counts[f"{prefix}{number}"] for number in range(count)]
        assert not own or max(own) - min(own) <= 1 <= min(own)


def test_background_is_what_was_annotated_to_be_empty() -> None:
    empty = AnnotatedVideo("e", "training", 9.0, ())
    others = [
        AnnotatedVideo("v", "validation", 9.0, ()),
        AnnotatedVideo("x", "training", 9.0, (), num_dropped=1),
        AnnotatedVideo("a", "training", 9.0, (Instance("clap", 1.0, 2.0),)),
    ]
    assert find_background({video.video_id: video for video in [*others, empty]}, "training") == [empty]
