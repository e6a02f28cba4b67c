from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.command_words import spell_flags, spell_lists, takes_list


def test_flags_may_be_spelt_with_hyphens() -> None:
    assert spell_flags(["a-b.mp4", "--show", "3", "--no-equals=x-y"], ()) == [
        "a-b.mp4",
        "--show",
        "3",
        "--no_equals=x-y",
    ]
    assert spell_flags(["--proposals", "--tiou", "[0.5]"], {"proposals"}) == ["--proposals=true", "--tiou", "[0.5]"]
    assert spell_flags(["--proposals", "false"], {"proposals"}) == ["--proposals", "false"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--tiou", "0.5", "1", "--page", "a.html"], ["--tiou=[0.5, 1]", "--page", "a.html"]),
        (["--tiou", ".5", "1e-1", "7.5E+1"], ["--tiou=[.5, 1e-1, 7.5E+1]"]),
        (["--tiou", "[0.5, 0.75]"], ["--tiou", "[0.5, 0.75]"]),
        (["--tiou=[0.5]", "x"], ["--tiou=[0.5]", "x"]),
        (["--in-files", 'a "b".json', "c d.json"], ['--in-files=["a \\"b\\".json", "c d.json"]']),
        (["--in-files", "true", "1e-3x"], ['--in-files=["true", "1e-3x"]']),
        (["--tiou"], ["--tiou"]),
        (["--tiou", "--page", "x"], ["--tiou", "--page", "x"]),
        (["--page", "x", "y"], ["--page", "x", "y"]),
    ],
)
def test_values_of_one_option_become_a_list(words: list[str], expected: list[str]) -> None:
    assert spell_lists(words, {"tiou", "in_files"}) == expected


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (list[float], True),
        (list[Path] | None, True),
        (Path | None, False),
        (dict[str, list[Path]], False),
        (str, False),
    ],
)
def test_options_that_take_several_values(hint: object, expected: bool) -> None:
    assert takes_list(hint) is expected
