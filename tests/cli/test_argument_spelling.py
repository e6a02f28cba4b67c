from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.cli.argument_spelling import find_empty_path, list_kinds, spell_flags, spell_lists


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
        (["--in-files", "007", "1,2"], ['--in-files=["007", "1,2"]']),
        (["--tiou"], ["--tiou"]),
        (["--tiou", "--page", "x"], ["--tiou", "--page", "x"]),
        (["--page", "x", "y"], ["--page", "x", "y"]),
    ],
)
def test_values_of_one_option_become_a_list(words: list[str], expected: list[str]) -> None:
    assert spell_lists(words, {"tiou": False, "in_files": True}) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--names", "wave", "a.mp4"], ['--names=["wave"]', "a.mp4"]),
        (["a.mp4", "--names", "wave, nod,7"], ["a.mp4", '--names=["wave", "nod", "7"]']),
        (["--names", "[wave]", "a.mp4"], ["--names", "[wave]", "a.mp4"]),
        (["--names=[wave]", "a.mp4"], ["--names=[wave]", "a.mp4"]),
    ],
)
def test_beside_files_an_option_takes_one_word(words: list[str], expected: list[str]) -> None:
    assert spell_lists(words, {"names": True}, most=1) == expected


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (list[float], {"x": False}),
        (list[Path] | None, {"x": True}),
        (list[str], {"x": True}),
        (Path | None, {}),
        (dict[str, list[Path]], {}),
        (str, {}),
    ],
)
def test_options_that_take_several_values(hint: object, expected: dict[str, bool]) -> None:
    assert list_kinds({"x": hint}) == expected


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["", "--checkpoint", "c"], "a file"),
        (["a.mp4", "--checkpoint", ""], "--checkpoint"),
        (["a.mp4", "--check-point="], "--check-point"),
        (["a.mp4", "--name", "", "--name=", "--checkpoint", "c"], None),
        (["--checkpoint=c", ""], "a file"),
        (["a=", "--name=x"], None),
        ([], None),
    ],
)
def test_empty_words_are_no_paths(words: list[str], found: str | None) -> None:
    assert find_empty_path(words, {"checkpoint", "check_point"}, is_positional=True) == found


def test_without_files_an_empty_word_is_none_of_ours() -> None:
    assert find_empty_path(["--name", "", ""], {"checkpoint"}, is_positional=False) is None
