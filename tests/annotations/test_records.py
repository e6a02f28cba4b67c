from __future__ import annotations

import pytest

from aher_lightning.annotations.records import AnnotatedVideo, Instance, validate_video_id
from aher_lightning.errors import AnnotationError


def test_clipping_cuts_to_the_duration_and_leaves_out_what_vanishes() -> None:
    spans = [("a", -1.0, 3.0), ("b", 8.0, 12.26), ("c", 10.5, 12.0), ("d", 2.0, 2.0), ("e", 0.0, 10.0)]
    video = AnnotatedVideo("v", "training", 10.0, tuple(Instance(*span) for span in spans))
    assert video.clipped().instances == (("a", 0.0, 3.0), ("b", 8.0, 10.0), ("e", 0.0, 10.0))
    assert len(video.instances) == 5


@pytest.mark.parametrize("video_id", ["", ".", "..", "../v", "a/b", "a\\b", "a\0", "a\nb", "v" * 201])
def test_unsafe_ids_are_refused(video_id: str) -> None:
    with pytest.raises(AnnotationError, match="is no plain file name") as caught:
        validate_video_id(video_id)
    assert "\n" not in str(caught.value)


def test_usual_ids_are_accepted() -> None:
    ids = ["v_-5KAycAQlC4", "video_test_0000270", "clip.part..2", "-x", "Ünï çödé"]
    assert [validate_video_id(video_id) for video_id in ids] == ids
