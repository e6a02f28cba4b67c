"""docs/faithfulness.md is complete and true: its tests and options exist, its values are those of code and recipes."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import aher_lightning.cli.components  # noqa: F401 - makes them known
from aher_lightning.cli.shipped_configs import configs_folder
from tests.helpers.golden_usage import golden_tests
from tests.helpers.option_paths import find_options

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "faithfulness.md").read_text(encoding="utf-8")

OF_THE_COMMAND_LINE = {"iterations"}
"""Options that are neither the model's nor the data's."""

Row = dict[str, str]


def table_rows(page: str) -> Iterator[Row]:
    """The rows of all tables: cells by the title of their column."""
    titles: list[str] = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not titles or not cells:
            titles = [title.partition(",")[0] for title in cells]
        elif set(line) != set("|-"):
            yield dict(zip(titles, cells, strict=True))


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def option_paths(row: Row) -> list[str]:
    words = [word for word in quoted(row.get("option", "")) if re.fullmatch(r"\w+(\.\w+)*", word)]
    return [word for word in words if word not in {"null", "backbone", "released", "released_fixed", "data", "model"}]


def values(cell: str) -> list[Any]:
    return [yaml.safe_load(word) for word in quoted(cell)]


def is_same(one: Any, other: Any) -> bool:
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return isinstance(one, bool) == isinstance(other, bool) and math.isclose(one, other, rel_tol=1e-5)
    return bool(one == other)


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The options that a part of a configuration sets; a class is one where it is all that is said."""
    if not isinstance(node, dict):
        yield path, node
    elif "class_path" in node:
        yield from leaves(node.get("init_args") or node["class_path"], path)
    else:
        for name, value in node.items():
            yield from leaves(value, f"{path}.{name}".removeprefix("."))


def recipe_leaves(name: str) -> list[tuple[str, Any]]:
    recipe = yaml.safe_load((configs_folder() / "recipes" / name).read_text(encoding="utf-8"))
    return [*leaves(recipe["model"]["init_args"]), *leaves(recipe.get("data", {}).get("init_args", {}), "data")]


def cited_tests(text: str) -> Iterator[tuple[str, str, bool]]:
    """File, name and mark of every test: names follow their file."""
    for file, names in re.findall(r"`([\w/]+\.py)`((?:,?\s+`\w+`(?: G\b)?)+)", text):
        yield from ((file, name, bool(mark)) for name, mark in re.findall(r"`(\w+)`( G\b)?", names))


ROWS = list(table_rows(PAGE))
PATHS = sorted({path for row in ROWS for path in option_paths(row)} - OF_THE_COMMAND_LINE)
LEAVES = [(recipe, *leaf) for recipe in ("paper.yaml", "released.yaml") for leaf in recipe_leaves(recipe)]


def test_the_page_is_read_as_it_is_written() -> None:
    (row,) = table_rows(
        "| what | paper, line 3 | option |\n|---|---|---|\n| a | `[1, 2]`, two | `loss.weight`, `null` |\n"
    )
    assert row == {"what": "a", "paper": "`[1, 2]`, two", "option": "`loss.weight`, `null`"}
    assert (values(row["paper"]), option_paths(row)) == ([[1, 2]], ["loss.weight"])
    tests = cited_tests("| `no` | `a/test_b.py` `one`, `two` G, `test_c.py`\n`three` |")
    assert list(tests) == [("a/test_b.py", "one", False), ("a/test_b.py", "two", True), ("test_c.py", "three", False)]
    assert find_options("loss.offset.compare")
    assert not find_options("loss.offset.compares")
    assert min(len(ROWS), len(PATHS), len(LEAVES)) > 20


def test_every_cited_test_exists() -> None:
    cited = {(file, name) for file, name, _ in cited_tests(PAGE)}
    assert len(cited) > 80
    for file, name in sorted(cited):
        path = TESTS / file
        assert path.is_file(), f"{file} does not exist"
        functions = ast.parse(path.read_text(encoding="utf-8")).body
        assert f"test_{name}" in {getattr(node, "name", "") for node in functions}, f"{file} has no test_{name}"


@pytest.mark.golden
def test_the_mark_tells_which_tests_read_reference_numbers() -> None:
    reading = {(test.module, test.name) for test in golden_tests(TESTS)}
    for file, name, is_golden in sorted(cited_tests(PAGE)):
        module = ".".join(("tests", *Path(file).with_suffix("").parts))
        assert is_golden == ((module, f"test_{name}") in reading), f"{file} {name}: 'G' is wrong or missing"


def test_every_row_about_a_choice_cites_a_test() -> None:
    rows = [row for row in ROWS if "test" in row]
    without = [row for row in rows if not list(cited_tests(row["test"]))]
    assert not without
    assert all(row["option"] and row["our default"] for row in rows if "option" in row)


@pytest.mark.parametrize("path", PATHS)
def test_an_option_exists_and_has_the_default_that_is_given(path: str) -> None:
    found = find_options(path)
    assert found, f"there is no option {path}"
    ours = [option.default for option in found if option.is_ours]
    plain = [default for default in ours if isinstance(default, (bool, int, float, str, tuple, list))]
    given = [value for row in ROWS if path in option_paths(row) for value in values(row["our default"])]
    assert not plain or any(is_same(one, other) for one in plain for other in given), f"{path}: {plain}, not {given}"


@pytest.mark.parametrize(("recipe", "path", "value"), LEAVES, ids=str)
def test_every_option_of_a_recipe_is_on_the_page_with_its_value(recipe: str, path: str, value: Any) -> None:
    own = [row for row in ROWS if path in option_paths(row)]
    assert own, f"no row has the option {path}"
    given = [one for row in own for one in values(row.get(recipe.removesuffix(".yaml"), ""))]
    assert any(is_same(value, one) for one in given), f"{path}: {value}, not {given}"


def test_every_overlay_is_on_the_page() -> None:
    folder = configs_folder()
    shipped = {
        path.relative_to(folder).as_posix()
        for kind in ("recipes", "variants", "schedules")
        for path in (folder / kind).rglob("*.yaml")
    }
    assert set(re.findall(r"`((?:recipes|variants|schedules)/[\w/]+\.yaml)`", PAGE)) == shipped


def test_the_page_has_a_place_for_the_study() -> None:
    assert PAGE.rstrip().partition("\n## What the rendered benchmark says\n")[2]
