from __future__ import annotations

import pytest

from aher_lightning.datasets.spans import snippets_in_span

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
