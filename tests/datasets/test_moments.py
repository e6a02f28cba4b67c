from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datasets.moments import MomentDataset, random_run
from aher_lightning.datasets.sampling import SampleKey
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import ConfigError, DataError
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.pyav_reader import PyAVReader
from tests.helpers.videos import VideoSpec, read_numbers, write_video


class NumberSource:
    """Ten snippets that tell their positions."""

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        assert video_id in "av"
        return SnippetSequence(torch.arange(10.0)[:, None], 0.05 if span_sec is None else 0.5, 0.1)


CLIPS = [TrimmedClip("a", None, "wave"), TrimmedClip("v", (1.0, 2.0), "jump")]


def test_a_sample_holds_the_span_of_its_clip_and_its_label() -> None:
    dataset = MomentDataset(CLIPS, NumberSource(), ["jump", "wave"])
    iteration, moment = dataset[SampleKey(0, iteration=3)]
    assert (len(dataset), iteration, moment.video_id, moment.label) == (2, 3, "a", 1)
    assert moment.snippets.first_centre == 0.05
    _, foreground = dataset[SampleKey(1)]
    assert (foreground.video_id, foreground.label, foreground.snippets.first_centre) == ("v", 0, 0.5)


def test_a_category_without_clips_is_refused() -> None:
    with pytest.raises(DataError, match="no trimmed clip for clap, nod; add clips or remove the category"):
        MomentDataset(CLIPS, NumberSource(), ["nod", "jump", "wave", "clap"])
    with pytest.raises(DataError, match="no trimmed clip for any category"):
        MomentDataset([], NumberSource(), [])


def test_a_place_tells_its_video() -> None:
    dataset = MomentDataset(CLIPS, NumberSource(), ["jump", "wave"])
    assert [dataset.video_id(place) for place in range(2)] == ["a", "v"]


def test_random_runs_are_neighbours_and_depend_on_the_key_alone() -> None:
    dataset = MomentDataset(CLIPS, NumberSource(), ["jump", "wave"], max_snippets=3)
    first, again, *others = (
        dataset[SampleKey(0, 0, key)][1].snippets for key in ("a", "a", *(f"other {number}" for number in range(40)))
    )
    assert torch.equal(first.values, again.values)
    assert torch.equal(first.values.diff(dim=0), torch.ones(2, 1))
    assert (first.first_centre, first.step) == pytest.approx((1 / 6, 1 / 3))
    assert {int(other.values[0]) for other in others} == set(range(8))


@pytest.mark.parametrize("count", [10, 11])
def test_short_sequences_are_kept_whole(count: int) -> None:
    snippets = NumberSource().read("a")
    assert random_run(snippets, count, "key") is snippets


def test_of_many_categories_without_clips_a_few_are_named() -> None:
    with pytest.raises(DataError, match="no trimmed clip for c0, c1, c2, c3, c4 and 4 more; add clips"):
        MomentDataset(CLIPS, NumberSource(), [f"c{i}" for i in range(9)])


def test_snippets_start_at_any_frame_depending_on_the_key_alone(tmp_path: Path) -> None:
    contract = TemporalContract(fps=10.0, clip_length=8, snippet_stride=4, first_centre_frames=4.0, resize=32, crop=32)
    path = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=21, width=64, height=64))
    source = VideoFolder({"a": path}, contract, reader=PyAVReader(), cache_frames=True)
    clips = [TrimmedClip("a", None, "wave")]
    dataset = MomentDataset(clips, source, ["wave"], max_snippets=1, any_start=True)

    def frames(key: str) -> list[int]:
        values = dataset[SampleKey(0, 0, key)][1].snippets.values
        assert values.shape == (1, 3, 8, 32, 32)
        return read_numbers(list(values[0].permute(1, 2, 3, 0).numpy()))

    taken = [frames(str(number)) for number in range(100)]
    assert all(numbers == list(range(numbers[0], numbers[0] + 8)) for numbers in taken)
    assert {numbers[0] for numbers in taken} == set(range(14))
    assert taken == [frames(str(number)) for number in range(100)]


def test_only_video_files_have_any_start() -> None:
    with pytest.raises(ConfigError, match="'any_start' needs the frames of videos; remove it, or 'features'"):
        MomentDataset(CLIPS, NumberSource(), ["jump", "wave"], any_start=True)
