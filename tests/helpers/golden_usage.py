"""Which tests read which reference files, found out from the sources of the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

OPENER = "golden_path"
"""The function that opens reference files; its arguments are the parts of their names."""

FOLDER = "golden"
"""Name of the folders with reference numbers; what contains this word as a string reads from one."""

Place = tuple[str, str]
"""Module and name of something defined at the top level of a file."""


class GoldenTest(NamedTuple):
    """A test that depends on reference numbers.

    Attributes:
        module: Where the test is.
        name: Name of the function or class.
        is_marked: Whether ``-m golden`` selects it.
        files: Reference files that it reads, by itself or through helpers and fixtures.
    """

    module: str
    name: str
    is_marked: bool
    files: frozenset[str]


class _Definition(NamedTuple):
    node: ast.stmt
    places: list[Place]  # what it uses, if defined in the tests
    files: list[str]
    reads_golden: bool


def golden_tests(root: Path) -> list[GoldenTest]:
    """Return all tests that depend on reference numbers.

    Args:
        root: Folder ``tests``.

    Returns:
        The tests, in order of the files.

    Raises:
        ValueError: If a reference file is opened by a name that the source does not spell out.
    """
    modules = {".".join((root.name, *path.relative_to(root).with_suffix("").parts)): path for path in _sources(root)}
    trees = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in modules.items()}
    names = {module: dict(_top_level(tree)) for module, tree in trees.items()}
    fixtures = {name: (f"{root.name}.conftest", name) for name in names.get(f"{root.name}.conftest", {})}
    definitions: dict[Place, _Definition] = {}
    for module, tree in trees.items():
        known = fixtures | _imports(tree) | {name: (module, name) for name in names[module]}
        for name, node in names[module].items():
            definitions[module, name] = _describe(node, known, f"{module}.{name}")
    found = []
    for place, definition in definitions.items():
        if _is_test(place, definition.node):
            reached = _reached(place, definitions)
            if any(other.reads_golden for other in reached):
                is_marked = _is_marked(definition.node) or _is_marked_as_a_whole(trees[place[0]])
                found.append(GoldenTest(*place, is_marked, frozenset(file for one in reached for file in one.files)))
    return found


def _sources(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts)


def _top_level(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Names that a file defines, with their statements."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (
                (name.id, node) for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
            )


def _imports(tree: ast.Module) -> dict[str, Place]:
    """Names that a file imports, and where they come from."""
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.asname or alias.name: (str(node.module), alias.name) for node in imports for alias in node.names}


def _describe(node: ast.stmt, known: Mapping[str, Place], where: str) -> _Definition:
    """Find out what a definition uses; arguments of a test or fixture are fixtures."""
    parts = list(ast.walk(node))
    words = [part.id for part in parts if isinstance(part, ast.Name)]
    words += [part.arg for part in parts if isinstance(part, ast.arg)]
    calls = [part for part in parts if isinstance(part, ast.Call) and _called(part) == OPENER]
    files = [_spelt_out(call.args, where) for call in calls]
    reads = any(isinstance(part, ast.Constant) and part.value == FOLDER for part in parts)
    places = [known[word] for word in words if word in known]
    return _Definition(node, places, files, reads or bool(files))


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _spelt_out(arguments: Sequence[ast.expr], where: str) -> str:
    """Join the parts of a file's name."""
    parts = [one.value for one in arguments if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if not parts or len(parts) < len(arguments):
        raise ValueError(f"{where}: {OPENER} opens a file whose name is not spelt out; give its parts as literals")
    return "/".join(parts)


def _is_test(place: Place, node: ast.stmt) -> bool:
    is_defined = isinstance(node, ast.FunctionDef | ast.ClassDef)
    return is_defined and place[1].lower().startswith("test") and place[0].rpartition(".")[2].startswith("test_")


def _is_marked(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and any(
        ast.unparse(decorator).startswith(f"pytest.mark.{FOLDER}") for decorator in node.decorator_list
    )


def _is_marked_as_a_whole(tree: ast.Module) -> bool:
    marks = dict(_top_level(tree)).get("pytestmark")
    return marks is not None and f"pytest.mark.{FOLDER}" in ast.unparse(marks)


def _reached(start: Place, definitions: Mapping[Place, _Definition]) -> list[_Definition]:
    """Return a definition and all that it uses, directly or not."""
    waiting, seen = [start], {start}
    while waiting:
        for place in definitions[waiting.pop()].places:
            if place in definitions and place not in seen:
                seen.add(place)
                waiting.append(place)
    return [definitions[place] for place in seen]
