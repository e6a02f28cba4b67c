from __future__ import annotations

import pytest

from aher_lightning.ops.spans import place_snippets, snippets_in_span, widen_span

# Centres at 1, 3, 5, 7, 9 seconds.
GRID = (5, 1.0, 2.0)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0.0, 10.0), range(5)),
        ((1.0, 9.0), range(5)),
        ((1.1, 8.9), range(1, 4)),
        ((3.0, 3.0), range(1, 2)),
        ((4.0, 5.0), range(2, 3)),
    ],
)
def test_both_ends_are_included(span: tuple[float, float], expected: range) -> None:
    assert snippets_in_span(*GRID, span) == expected


@pytest.mark.parametrize(
    ("span", "expected"),
    [((3.2, 3.4), 1), ((4.6, 4.8), 2), ((0.0, 0.5), 0), ((-9.0, -8.0), 0), ((9.5, 9.9), 4), ((50.0, 60.0), 4)],
)
def test_the_nearest_serves_where_there_is_none(span: tuple[float, float], expected: int) -> None:
    assert snippets_in_span(*GRID, span) == range(expected, expected + 1)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_equals_a_search_over_all_centres(count: int) -> None:
    centres = [0.8 + 0.8 * position for position in range(count)]
    for start in (0.0, 0.5, 1.7, 3.05):
        for length in (0.9, 1.1, 2.5):
            inside = [i for i, centre in enumerate(centres) if start <= centre <= start + length]
            found = snippets_in_span(count, 0.8, 0.8, (start, start + length))
            assert len(found) >= 1
            if inside:
                assert list(found) == inside


def widened(span: tuple[float, float], minimum: int, count: int = 5) -> tuple[float, float]:
    return widen_span(span, minimum, count=count, first_centre_sec=1.0, step_sec=2.0, duration_sec=2.0 * count)


@pytest.mark.parametrize(
    ("span", "minimum", "expected"),
    [
        ((4.0, 6.0), 1, (4.0, 6.0)),
        ((0.5, 9.5), 5, (0.5, 9.5)),  # enough already
        ((4.5, 5.5), 3, (2.0, 8.0)),  # around the middle
        ((3.5, 4.5), 2, (2.0, 6.0)),  # none within: its neighbours
        ((0.0, 1.5), 3, (0.0, 6.0)),  # the start of the video
        ((9.0, 10.0), 3, (4.0, 10.0)),  # its end
        ((4.0, 6.0), 9, (0.0, 10.0)),  # the whole video
    ],
)
def test_short_spans_are_widened_as_far_as_the_video_goes(
    span: tuple[float, float], minimum: int, expected: tuple[float, float]
) -> None:
    assert widened(span, minimum) == expected


@pytest.mark.parametrize("count", [1, 4, 9])
def test_a_widened_span_holds_the_old_one_and_no_snippet_too_many(count: int) -> None:
    for minimum in range(1, 12):
        for start in (0.0, 0.3, 1.0, 3.9, 6.0, 7.7):
            for length in (0.2, 1.0, 2.0, 4.1):
                span = (start, start + length)
                before = snippets_in_span(count, 1.0, 2.0, span)
                wide = widened(span, minimum, count)
                after = snippets_in_span(count, 1.0, 2.0, wide)
                assert wide[0] <= span[0]
                assert wide[1] >= span[1]
                assert set(before) <= set(after)
                assert len(after) == max(len(before), min(minimum, count))


def test_a_first_centre_close_to_the_start_gives_no_negative_time() -> None:
    span = widen_span((0.0, 0.1), 2, count=5, first_centre_sec=0.0, step_sec=1.0, duration_sec=4.0)
    assert span == (0.0, 1.5)
    assert snippets_in_span(5, 0.0, 1.0, span) == range(2)
    assert widen_span((3.9, 4.0), 2, count=5, first_centre_sec=0.0, step_sec=1.0, duration_sec=4.0) == (2.5, 4.0)


def test_a_span_places_its_snippets() -> None:
    whole = place_snippets(*GRID, None, 10.0)
    assert whole == (range(5), 0.1, 0.2)
    part = place_snippets(*GRID, (2.0, 6.0), 10.0)
    assert part == (range(1, 3), 0.25, 0.5)
    # The nearest one lies outside of a span between centres.
    assert place_snippets(*GRID, (3.5, 4.5), 10.0) == (range(2, 3), 1.5, 2.0)
    with pytest.raises(ValueError, match=r"a span must end after it starts, but is \(2\.0, 1\.0\)"):
        place_snippets(*GRID, (2.0, 1.0), 10.0)
