from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.models.generated_contexts import (
    ConvContextGenerator,
    GeneratedContexts,
    SpliceLayout,
    SpliceMode,
    draw_splice_layouts,
    splice,
    splice_layout,
)
from aher_lightning.structures import LabelledClips
from tests.helpers.golden_fill import golden_path
from tests.models.released import feature_map, fill_convolution, largest_error


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_plain_layout_by_hand() -> None:
    assert splice_layout(100, 15, 4) == SpliceLayout(5, 75, 20, 5, 80)


def test_released_layouts_by_hand() -> None:
    even = splice_layout(512, 14, 12, mode="released", row=0)
    odd = splice_layout(512, 14, 12, mode="released", row=1)
    fixed = splice_layout(512, 14, 12, mode="released_fixed", row=1)
    assert even == SpliceLayout(77, 358, 77, 13, 371)
    assert odd == SpliceLayout(77, 358, 77, 90, 371)
    assert fixed == odd._replace(labelled_end=90 + 358)


@pytest.mark.parametrize("mode", ["plain", "released", "released_fixed"])
@pytest.mark.parametrize("length", [16, 128, 512])
def test_every_layout_fills_the_sequence(mode: SpliceMode, length: int) -> None:
    for ratio in range(14, 19):
        for position in range(1, 19):
            for row in (0, 1):
                layout = splice_layout(length, ratio, position, mode=mode, row=row)
                assert min(layout[:3]) >= 0
                assert sum(layout[:3]) == length
                assert 0 <= layout.moment_start <= length - layout.moment_length
                if mode != "released":
                    assert layout.labelled_end == layout.moment_start + layout.moment_length


@pytest.mark.parametrize(("ratio", "position"), [(0, 5), (20, 5), (14, 0), (14, 20)])
def test_ids_off_the_grid_are_refused(ratio: int, position: int) -> None:
    with pytest.raises(ValueError, match=r"must lie in 1\.\.19"):
        splice_layout(512, ratio, position)


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="4 steps are too few"):
        splice_layout(4, 18, 5)


def test_draws_cover_the_released_range_and_repeat_with_the_seed() -> None:
    layouts = draw_splice_layouts(2000, 512, generator())
    assert layouts == draw_splice_layouts(2000, 512, generator())
    assert layouts != draw_splice_layouts(2000, 512, generator(1))
    assert {layout.moment_length for layout in layouts} == {512 * ratio // 20 for ratio in range(14, 19)}
    positions = {round(20 * layout.start_length / (512 - layout.moment_length)) for layout in layouts}
    assert positions == set(range(1, 19))


def marked(value: float, length: int) -> Tensor:
    return torch.full((1, 2, length), value)


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (SpliceLayout(2, 3, 1, 2, 5), [1, 1, 5, 5, 5, 2]),
        (SpliceLayout(2, 3, 1, 1, 4), [1, 5, 5, 5, 1, 2]),
        (SpliceLayout(1, 3, 2, 2, 5), [1, 2, 5, 5, 5, 2]),
        (SpliceLayout(0, 4, 2, 0, 4), [5, 5, 5, 5, 2, 2]),
    ],
)
def test_splice_puts_the_moment_where_the_layout_says(layout: SpliceLayout, expected: list[float]) -> None:
    features, segments = splice(marked(5.0, 4), marked(1.0, 2), marked(2.0, 2), [layout])
    assert features.shape == (1, 2, 6)
    assert features[0, 0].tolist() == expected
    torch.testing.assert_close(segments * 6, torch.tensor([[[layout.moment_start, layout.labelled_end]]]).float())


def test_segment_marks_the_moment_in_every_fixed_mode() -> None:
    modes: tuple[SpliceMode, ...] = ("plain", "released_fixed")
    for mode in modes:
        layouts = draw_splice_layouts(8, 64, generator(), mode=mode)
        ones, zeros = torch.ones(8, 1, 32), torch.zeros(8, 1, 16)
        features, segments = splice(ones, zeros, zeros, layouts)
        steps = (torch.arange(64) + 0.5) / 64
        inside = (steps >= segments[:, :, :1]) & (steps <= segments[:, :, 1:])
        torch.testing.assert_close(features, inside.float().reshape(8, 1, 64))


@pytest.mark.parametrize("length", [1, 5, 8])
def test_context_has_half_the_length(length: int) -> None:
    context = ConvContextGenerator(6)(torch.rand(2, 6, length))
    assert context.shape == (2, 6, -(-length // 2))
    assert (context >= 0).all()
    assert ConvContextGenerator(6, hidden_channels=5).first.out_channels == 5
    assert ConvContextGenerator(6).first.out_channels == 3


def test_gradients_flow_through_the_splice_into_both_generators() -> None:
    torch.manual_seed(0)
    start, end = ConvContextGenerator(6), ConvContextGenerator(6)
    moments = torch.rand(4, 6, 32)
    features, _ = splice(moments, start(moments), end(moments), draw_splice_layouts(4, 64, generator()))
    torch.autograd.backward(features.square().sum())
    for parameter in [*start.parameters(), *end.parameters()]:
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


@pytest.mark.golden
def test_released_layout_table() -> None:
    table = np.load(golden_path("tf", "06b_context_layout_table.npz"))["table"].tolist()
    assert [row[:2] for row in table] == [[ratio, position] for ratio in range(14, 20) for position in range(1, 20)]
    for ratio, position, moment, start, end, even_start, even_end, odd_start, odd_code_end, odd_end in table:
        lengths = (start, moment, end)
        modes: tuple[tuple[SpliceMode, int], ...] = (("released", odd_code_end), ("released_fixed", odd_end))
        for mode, labelled_end in modes:
            even = splice_layout(512, ratio, position, mode=mode, row=0)
            odd = splice_layout(512, ratio, position, mode=mode, row=1)
            assert even == SpliceLayout(*lengths, even_start, even_end)
            assert odd == SpliceLayout(*lengths, odd_start, labelled_end)
        for row in (0, 1):  # in the paper's order the same moment has all of the same rest around it
            plain = splice_layout(512, ratio, position, mode="plain", row=row)
            before = max(1, (start + end) * position // 20)
            assert plain == SpliceLayout(before, moment, start + end - before, before, before + moment)


class ReleasedContexts(NamedTuple):
    """What the full-size generators make of the inputs of the released run."""

    moments: Tensor  # (16, 2048, 256)
    contexts: list[Tensor]  # (16, 2048, 128) of each generator
    ids: list[tuple[int, int]]

    def splice(self, mode: SpliceMode) -> tuple[Tensor, list[list[float]], list[SpliceLayout]]:
        """Return features ``(16, 512, 2048)``, segments in steps and layouts."""
        layouts = [splice_layout(512, *pair, mode=mode, row=row) for row, pair in enumerate(self.ids)]
        start, end = self.contexts
        features, segments = splice(self.moments, start, end, layouts)
        return features.transpose(1, 2), (segments[:, 0] * 512).tolist(), layouts


@pytest.fixture(scope="module")
def released_contexts() -> ReleasedContexts:
    with np.load(golden_path("tf", "06_context.npz")) as golden:
        ids = list(zip(golden["ratio_id"].tolist(), golden["pos_id"].tolist(), strict=True))
    moments = feature_map("x_context_moment", (16, 256, 2048))
    contexts = []
    for letter in "se":
        network = ConvContextGenerator(2048)
        fill_convolution(network.first, [(f"g_conv_{letter}1", 1024)])
        fill_convolution(network.second, [(f"g_conv_{letter}2", 2048)])
        with torch.no_grad():
            contexts.append(network(moments))
    return ReleasedContexts(moments, contexts, ids)


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2])
def test_released_contexts(released_contexts: ReleasedContexts, number: int) -> None:
    golden = np.load(golden_path("tf", "06_context.npz"))
    context = released_contexts.contexts[number - 1].transpose(1, 2)
    assert context.shape == (16, 128, 2048)
    assert largest_error(context[:, ::16, ::128], golden[f"net{number}_sub"]) < 3e-5
    statistics = torch.stack((context.mean(), context.std(correction=0)))
    assert largest_error(statistics, golden[f"net{number}_stat"]) < 3e-5


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["released", "released_fixed"])
def test_released_synthetic_moments(released_contexts: ReleasedContexts, mode: SpliceMode) -> None:
    golden = np.load(golden_path("tf", "06_context.npz"))
    by_time, segments, layouts = released_contexts.splice(mode)
    # Moment, start and end context, steps of a context before the moment, and where the moment really is.
    splits = [layout.moment_start - (layout.start_length if row % 2 else 0) for row, layout in enumerate(layouts)]
    lengths = [[layout.moment_length, layout.start_length, layout.end_length] for layout in layouts]
    true_segments = [[layout.moment_start, layout.moment_start + layout.moment_length] for layout in layouts]
    rows = zip(lengths, splits, true_segments, strict=True)
    assert [[*three, split, *segment] for three, split, segment in rows] == golden["layout"].tolist()
    assert segments == (golden["gt_code"].tolist() if mode == "released" else true_segments)
    assert (segments == true_segments) == (mode == "released_fixed")
    assert largest_error(by_time[:, ::16, ::128], golden["out_sub"]) < 3e-5
    assert largest_error(by_time.mean(dim=2), golden["out_time_mean"]) < 3e-5
    assert largest_error(by_time.flatten(1).mean(dim=1), golden["out_mean"]) < 3e-5
    assert largest_error(by_time.flatten(1).std(dim=1, correction=0), golden["out_std"]) < 3e-5


@pytest.mark.golden
@pytest.mark.slow
def test_plain_order_keeps_the_released_moment_and_all_context(released_contexts: ReleasedContexts) -> None:
    plain, plain_segments, plain_layouts = released_contexts.splice("plain")
    released, _, layouts = released_contexts.splice("released_fixed")
    for row, (one, other) in enumerate(zip(plain_layouts, layouts, strict=True)):
        start, length = one.moment_start, one.moment_length
        assert plain_segments[row] == [start, start + length]
        expected = released[row, other.moment_start : other.moment_start + length]
        assert torch.equal(plain[row, start : start + length], expected)


def small_context(**options: Any) -> GeneratedContexts:
    torch.manual_seed(0)
    return GeneratedContexts(3, 40, **options)


def random_moments(count: int) -> LabelledClips:
    return LabelledClips(torch.rand(count, 3, 16, generator=generator()), torch.arange(count), torch.ones(count))


def test_a_context_draws_shares_within_its_range() -> None:
    features, segments, labels, _ = small_context(moment_ratios=(0.1, 0.5))(random_moments(200), None, generator())
    widths = segments[:, 0, 1] - segments[:, 0, 0]
    assert features.shape == (200, 3, 40)
    assert labels.tolist() == [[label] for label in range(200)]
    assert widths.min() == pytest.approx(0.1)
    assert widths.max() == pytest.approx(0.5)


def test_synthesis_depends_on_the_generator_alone() -> None:
    context, moments = small_context(mode="released_fixed"), random_moments(3)
    first, second = (context(moments, None, generator(7)) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert first.segments.shape == (3, 1, 2)
    assert not torch.equal(context(moments, None, generator(8)).segments, first.segments)


@pytest.mark.parametrize("moment_ratios", [(0.0, 0.5), (0.5, 1.0), (0.6, 0.4)])
def test_shares_without_room_are_refused(moment_ratios: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match=r"^'context\.moment_ratios' must ascend within 0\.05\.\.0\.95"):
        small_context(moment_ratios=moment_ratios)
