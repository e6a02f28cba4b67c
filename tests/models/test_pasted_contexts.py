from __future__ import annotations

from typing import Any

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.models.pasted_contexts import PastedContexts
from aher_lightning.structures import LabelledClips, LabelledVideos

LENGTH = 40
ACTION = 100.0


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moments(count: int, duration: float = 4.0) -> LabelledClips:
    """Moments whose single feature runs from 100 to 120."""
    features = torch.linspace(ACTION, ACTION + 20, 20).expand(count, 1, 20)
    return LabelledClips(features, torch.arange(count), torch.full((count,), duration))


def untrimmed(segments: list[list[tuple[float, float]]], duration: float = 20.0) -> LabelledVideos:
    """Videos whose single feature is the number of the step, and -1 within instances."""
    count = max(map(len, segments))
    padded = torch.tensor([[*row, *[(0.0, 0.0)] * (count - len(row))] for row in segments]).reshape(
        len(segments), -1, 2
    )
    labels = torch.tensor([[0] * len(row) + [-1] * (count - len(row)) for row in segments]).reshape(len(segments), -1)
    features = torch.arange(LENGTH).float().repeat(len(segments), 1, 1)
    for row, own in enumerate(segments):
        for start, end in own:
            features[row, :, round(start * LENGTH) : round(end * LENGTH)] = -1
    return LabelledVideos(features, padded, labels, torch.full((len(segments),), duration))


def paste(clips: LabelledClips, videos: LabelledVideos | None, seed: int = 0, **options: Any) -> LabelledVideos:
    result: LabelledVideos = PastedContexts(1, LENGTH, **options)(clips, videos, generator(seed))
    return result


TWO = untrimmed([[(0.1, 0.2), (0.5, 0.8)], [(0.3, 0.55)]])


def test_instances_are_as_many_and_as_long_as_in_the_untrimmed_video() -> None:
    for seed in range(20):
        made = paste(moments(2), TWO, seed)
        widths = made.segments[..., 1] - made.segments[..., 0]
        assert sorted(widths[0].tolist()) == pytest.approx([0.0] * 6 + [0.1, 0.3])
        assert widths[1].tolist() == pytest.approx([0.25] + [0.0] * 7)
        assert made.labels.tolist() == [[0, 0] + [-1] * 6, [1] + [-1] * 7]
        assert made.features.shape == (2, 1, LENGTH)


def test_order_and_places_vary() -> None:
    made = [paste(moments(2), TWO, seed).segments[0] for seed in range(20)]
    assert {bool(one[0, 1] - one[0, 0] > 0.2) for one in made} == {False, True}
    assert len({float(one[0, 0]) for one in made}) == 20


def test_a_synthetic_video_is_real_background_and_the_moment() -> None:
    for seed in range(20):
        made = paste(moments(2), TWO, seed, ramp=0.0)
        centres = (torch.arange(LENGTH) + 0.5) / LENGTH
        for row in range(2):
            starts, ends = made.segments[row, made.labels[row] >= 0].T.unsqueeze(-1)
            is_action = ((centres > starts) & (centres < ends)).any(dim=0)
            values = made.features[row, 0]
            assert (values[is_action] >= ACTION).all()
            # In the order of the untrimmed video, whose 24 steps of background are repeated to fill 40.
            background = values[~is_action]
            assert ((background >= 0) & (background < LENGTH)).all()
            assert set(background.tolist()) <= set(TWO.features[row, 0].tolist()) - {-1.0}
            assert int((background.diff() < 0).sum()) <= 2


def test_a_moment_at_its_own_speed() -> None:
    # 0.1 of 20 strides are half of a moment of 4, and 0.3 of them are one and a half.
    made = paste(moments(2), TWO, 3, ramp=0.0)
    short = int((made.segments[0, :2].diff(dim=-1) < 0.2).long().argmax())
    inside = [made.features[0, 0][_steps(made.segments[0, place])] for place in (short, 1 - short)]
    per_step = 20 * 0.5 / 4  # change of the feature within half a stride
    assert inside[0].diff().tolist() == pytest.approx([per_step] * (len(inside[0]) - 1), abs=0.6)
    falls = (inside[1].diff() < -5).nonzero()
    assert len(falls) in {1, 2}  # it starts again after each moment
    assert inside[1].max() > ACTION + 17
    assert inside[1].min() < ACTION + 3


def test_a_stretched_moment_runs_once_from_its_start_to_its_end() -> None:
    made = paste(moments(2), TWO, 3, ramp=0.0, fill="stretch")
    for place in range(2):
        inside = made.features[0, 0][_steps(made.segments[0, place])]
        assert (inside.diff() > 0).all()
        assert inside[0] < ACTION + 5
        assert inside[-1] > ACTION + 15


def _steps(segment: torch.Tensor) -> torch.Tensor:
    """Mask of the steps whose centres lie in a segment."""
    centres = (torch.arange(LENGTH) + 0.5) / LENGTH
    return (centres > segment[0]) & (centres < segment[1])


def test_a_ramp_blends_over_its_strides() -> None:
    clips = LabelledClips(torch.full((1, 1, 20), ACTION), torch.tensor([0]), torch.tensor([4.0]))
    videos = untrimmed([[(0.25, 0.75)]])._replace(features=torch.zeros(1, 1, LENGTH))
    # Four strides are eight of 40 steps.
    values = paste(clips, videos, ramp=4.0).features[0, 0] / ACTION
    assert int(((values > 0) & (values < 1)).sum()) in range(14, 18)
    assert values.diff().abs().max() == pytest.approx(1 / 8, abs=0.01)
    assert float(values.sum()) == pytest.approx(20, abs=0.5)


def test_a_single_instance_has_a_part_of_the_given_range() -> None:
    videos = untrimmed([[(0.1, 0.2), (0.5, 0.8)]] * 64)
    made = paste(moments(64), videos, instances="single", moment_ratios=(0.2, 0.4))
    widths = made.segments[..., 1] - made.segments[..., 0]
    assert (made.labels[:, 1:] == -1).all()
    assert (widths[:, 1:] == 0).all()
    assert widths[:, 0].min() == pytest.approx(0.2, abs=0.02)
    assert widths[:, 0].max() == pytest.approx(0.4, abs=0.02)


def test_a_video_without_instances_gets_a_single_one_as_long_as_the_moment() -> None:
    made = paste(moments(2, duration=0.2), untrimmed([[], [(0.3, 0.5)]]))
    assert (made.labels >= 0).sum(dim=1).tolist() == [1, 1]
    widths = made.segments[:, 0].diff().flatten()
    assert widths.tolist() == pytest.approx([0.2 / 20, 0.2])  # a hundredth of the video, and as annotated
    assert float(paste(moments(1, duration=30.0), untrimmed([[]])).segments[0, 0].diff()) == pytest.approx(0.95)


def test_instances_leave_some_background_and_are_limited_in_number() -> None:
    made = paste(moments(1), untrimmed([[(0.0, 0.975)]]))
    assert float(made.segments[0, 0].diff()) == pytest.approx(0.95)
    many = untrimmed([[(0.1 * number, 0.1 * number + 0.05) for number in range(9)]])
    assert int((paste(moments(1), many, max_instances=3).labels >= 0).sum()) == 3


def test_a_video_without_background_takes_that_of_the_next_one() -> None:
    videos = untrimmed([[(0.0, 1.0)], [(0.0, 0.5)], [(0.5, 1.0)]])
    made = paste(moments(3), videos, ramp=0.0)
    background = [made.features[row, 0][made.features[row, 0] < ACTION] for row in range(3)]
    assert all((values >= LENGTH / 2).all() for values in background[:2])
    assert (background[2] < LENGTH / 2).all()
    last = paste(moments(2), untrimmed([[(0.0, 0.5)], [(0.0, 1.0)]]), ramp=0.0)
    assert (last.features[1] >= LENGTH / 2).all()


def test_no_background_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no untrimmed video of the batch has any background .* GeneratedContexts"):
        paste(moments(2), untrimmed([[(0.0, 1.0)], [(0.0, 1.0)]]))
    with pytest.raises(ConfigError, match=r"takes background from untrimmed videos; add 'untrimmed' to 'data.parts'"):
        paste(moments(2), None)


def test_it_depends_on_the_generator_alone_and_has_no_parameters() -> None:
    first, second = paste(moments(2), TWO, 7), paste(moments(2), TWO, 7)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert not list(PastedContexts(1, LENGTH).parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"moment_ratios": (0.5, 0.2)}, r"'context.moment_ratios' must ascend within 0..0.95"),
        ({"moment_ratios": (0.0, 0.2)}, r"'context.moment_ratios' must ascend"),
        ({"max_instances": 0}, r"'context.max_instances' is 0; give at least 1"),
        ({"ramp": -1.0}, r"'context.ramp' is -1.0; give 0 for none"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PastedContexts(1, LENGTH, **options)
