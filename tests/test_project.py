"""Habits that no linter checks: a test for every file, files and functions of bounded size, nothing unfinished."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import aher_lightning

SOURCE = Path(aher_lightning.__file__).parent
TESTS = Path(__file__).parent

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
MOST_FILES_AT_THE_ROOT = 6
MOST_FILES_IN_A_FOLDER = 20

TWO_SIDES = (
    {"cli", "cli/commands"},
    {"cli/commands", "inference"},
    {"cli/commands/analyze", "analyses", "reports/videos"},
    {"annotations", "datamodules"},
    {"evaluation", "metrics/functional", "reports/evaluation"},
    {"metrics", "metrics/functional"},
    {"models", "modules"},
    {"modules", "inference"},
    {"reports/evaluation", "reports/videos"},
    {"reports/predictions", "video"},
)
"""Rooms that may have a file of the same name each, because they treat two sides of one subject."""

FILES = sorted(SOURCE.rglob("*.py"))
MODULES = [path for path in FILES if path.name != "__init__.py"]


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def code_lines(function: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_file_has_a_test_of_its_name(path: Path) -> None:
    test = TESTS / path.relative_to(SOURCE).parent / f"test_{path.name}"
    assert test.is_file(), f"write {test}"
    assert "def test_" in test.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    long = {function.name: code_lines(function) for function in functions if code_lines(function) > LONGEST_FUNCTION}
    assert not long


@pytest.mark.parametrize("path", FILES, ids=name)
def test_nothing_is_left_unfinished(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not [word for word in ("NotImplementedError", "TODO", "FIXME", "XXX") if word in text]
    nodes = list(ast.walk(ast.parse(text)))
    # `python -O` would leave assertions out.
    assert not [node.lineno for node in nodes if isinstance(node, ast.Assert)]
    swallowed = [
        node.lineno
        for node in nodes
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or "Exception" in ast.unparse(node.type).split())
        and all(isinstance(line, ast.Pass) for line in node.body)
    ]
    assert not swallowed


def test_file_names_say_what_is_inside() -> None:
    vague = {"utils", "util", "helpers", "common", "misc", "tools"}
    assert not [name(path) for path in FILES if vague & {*path.relative_to(SOURCE).parts[:-1], path.stem}]
    assert all(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in FILES)


def test_rooms_stay_small() -> None:
    folders = {path.parent for path in FILES}
    crowded = {name(folder): len(list(folder.glob("*.py"))) for folder in folders}
    assert crowded.pop(".") <= MOST_FILES_AT_THE_ROOT
    assert {folder: count for folder, count in crowded.items() if count > MOST_FILES_IN_A_FOLDER} == {}


def test_a_file_name_occurs_twice_only_for_two_sides_of_one_subject() -> None:
    """A command and the work behind it, a record and what computes it, a data set's annotations and its data module."""
    by_name: dict[str, set[str]] = {}
    for path in MODULES:
        by_name.setdefault(path.name, set()).add(name(path.parent))
    repeated = {file: rooms for file, rooms in by_name.items() if len(rooms) > 1}
    assert {file: rooms for file, rooms in repeated.items() if not any(rooms <= sides for sides in TWO_SIDES)} == {}
