from __future__ import annotations

import pytest
import torch

from aher_lightning.datasets.quarantine import Quarantine
from aher_lightning.datasets.readable import MOST_ATTEMPTS, OmittingDataset, SubstitutingDataset
from aher_lightning.datasets.sampling import IterationSampler, SampleKey
from aher_lightning.errors import ContractError, DataError, VideoError
from aher_lightning.ops.randomness import random_generator


class Names:
    """Samples that are the names of their videos; some cannot be read."""

    def __init__(self, videos: str, broken: str = "", error: type[Exception] = VideoError) -> None:
        self.videos, self.broken, self.error = videos, broken, error
        self.asked: list[str] = []

    def __len__(self) -> int:
        return len(self.videos)

    def video_id(self, place: int) -> str:
        return self.videos[place]

    def __getitem__(self, key: SampleKey) -> tuple[int, str]:
        name = self.video_id(key.place)
        self.asked.append(name)
        if name in self.broken:
            raise self.error(f"{name}.mp4: is broken; mend it")
        return key.iteration, name


def keys(size: int, iterations: range) -> list[SampleKey]:
    sampler = IterationSampler(size, 3, seed=0, stream="moments")
    return [key for iteration in iterations for key in sampler.batch(iteration)]


def drawn(names: Names, wanted: list[SampleKey], quarantine: Quarantine | None = None) -> str:
    dataset = SubstitutingDataset(names, quarantine or Quarantine(), "moments")
    return "".join(dataset[key][1] for key in wanted)


def test_readable_samples_are_passed_on() -> None:
    dataset = SubstitutingDataset(Names("abc"), Quarantine(), "moments")
    assert len(dataset) == 3
    assert dataset[SampleKey(1, 7, "key")] == (7, "b")


@pytest.mark.parametrize("error", [VideoError, DataError])
def test_another_sample_takes_the_place_of_a_broken_one(error: type[Exception]) -> None:
    names, quarantine = Names("abcdefgh", "c", error), Quarantine()
    dataset = SubstitutingDataset(names, quarantine, "moments")
    key = SampleKey(2, 5, "0/moments/17")
    places = (
        int(torch.randint(8, (), generator=random_generator(key.seed_key, "in place of it", one)))
        for one in range(1, 9)
    )
    expected = next(name for name in (names.videos[place] for place in places) if name != "c")
    assert [dataset[key] for _ in range(3)] == [(5, expected)] * 3
    assert names.asked.count("c") == 1
    assert quarantine.reasons == {"c": "c.mp4: is broken; mend it"}


def test_a_run_repeats_and_resumes_with_broken_videos() -> None:
    whole = drawn(Names("abcdefgh", "bg"), keys(8, range(10)))
    assert whole == drawn(Names("abcdefgh", "bg"), keys(8, range(10)))
    assert whole.endswith(drawn(Names("abcdefgh", "bg"), keys(8, range(6, 10))))
    sound = drawn(Names("abcdefgh"), keys(8, range(10)))
    assert all(name == was for name, was in zip(whole, sound, strict=True) if was not in "bg")
    assert not set(whole) & set("bg")


def test_the_replacement_is_the_same_for_whoever_knows_the_broken_videos_already() -> None:
    known = Quarantine()
    known.add("b", "broken")
    wanted = keys(8, range(10))
    assert drawn(Names("abcdefgh", "b"), wanted, known) == drawn(Names("abcdefgh", "b"), wanted)


def test_more_than_half_of_the_videos_broken_stops_the_run() -> None:
    message = r"^3 of 5 moments cannot be read; repair the files; last error: .\.mp4: is broken; mend it$"
    with pytest.raises(DataError, match=message):
        drawn(Names("abcde", "bcde"), keys(5, range(20)))
    # Half is not more than half; clips of one video count once.
    assert set(drawn(Names("abab", "b"), keys(4, range(20)))) == {"a"}


def test_many_failures_in_a_row_stop_the_run() -> None:
    # Half of the videos has nearly all of the clips.
    names = Names("a" + "b" * 100_000, "b")
    with pytest.raises(
        DataError, match=rf"^{MOST_ATTEMPTS} samples of moments in a row cannot be read; repair the files"
    ):
        drawn(names, [SampleKey(1, 0, "key")])
    assert names.asked == ["b"]


def test_evaluation_gets_nothing_in_place_of_a_broken_video() -> None:
    names, quarantine = Names("abc", "b"), Quarantine()
    dataset = OmittingDataset(names, quarantine)
    assert [dataset[SampleKey(place)] for place in range(len(dataset))] == [(-1, "a"), None, (-1, "c")]
    assert dataset[SampleKey(1)] is None
    assert (list(quarantine.reasons), names.asked) == (["b"], ["a", "b", "c"])


def test_errors_of_other_kinds_are_not_swallowed() -> None:
    names = Names("ab", "a", ContractError)
    for dataset in (SubstitutingDataset(names, Quarantine(), "moments"), OmittingDataset(names, Quarantine())):
        with pytest.raises(ContractError, match=r"a\.mp4: is broken"):
            dataset[SampleKey(0)]
