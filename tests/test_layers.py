"""Imports point one way: down the layers of docs/architecture.md, and never to the side."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import aher_lightning

ROOT = Path(aher_lightning.__file__).parent

RECORDS = {"errors", "files", "structures"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "files": {"errors"},
    "structures": {"errors"},
    "console": set(),
    "figures": set(),
    "ops": RECORDS,
    "losses": RECORDS | {"ops"},
    "models": RECORDS | {"ops", "losses"},
    "metrics": RECORDS | {"figures", "ops"},
    "video": RECORDS | {"ops"},
    "annotations": RECORDS | {"ops", "video"},
    "features": RECORDS | {"ops", "video", "annotations"},
    "datasets": RECORDS | {"ops", "video", "annotations", "features"},
    "rendering": RECORDS | {"ops", "video", "annotations", "datasets"},
    "checkpoints": RECORDS | {"video", "models"},
    "datamodules": RECORDS | {"ops", "video", "annotations", "features", "datasets"},
    "modules": RECORDS | {"ops", "video", "models", "losses", "metrics", "checkpoints"},
    "inference": RECORDS | {"ops", "video", "annotations", "features", "datasets", "models", "checkpoints", "modules"},
    "budget": RECORDS | {"features", "datasets", "datamodules", "modules"},
    "analyses": RECORDS | {"ops", "annotations"},
    "reports": RECORDS | {"figures", "ops", "annotations", "datasets", "analyses"},
    "evaluation": RECORDS | {"ops", "annotations", "metrics", "reports"},
    "callbacks": RECORDS | {"console", "annotations", "metrics", "models", "checkpoints", "modules", "reports"},
}
"""What each layer may import besides itself; the command line may import everything."""

TOP = ("cli", "__main__")
"""Layers that may import every layer of the table, and those of this list that stand before them."""

LIGHTNING = {"modules", "datamodules", "inference", "callbacks", "cli"}
"""Layers that may import Lightning."""

DECODERS = {"av", "decord"}
"""Decoders bring a library of their own each; they are loaded when a file is opened, after torch."""


class Import(NamedTuple):
    """One import statement.

    Attributes:
        name: Full name of what is imported.
        is_lazy: Whether it is within a function, or for type checkers only.
    """

    name: str
    is_lazy: bool


def imports(source: str) -> Iterator[Import]:
    """Find all imports of a module, also those within functions."""
    tree = ast.parse(source)
    lazy = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef))
        or (isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.unparse(outer.test))
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, id(node) in lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (Import(f"{node.module}.{alias.name}", id(node) in lazy) for alias in node.names)


def layer_of(path: Path) -> str:
    """Return the layer of a file: its first folder, or its own name."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def layers_imported(source: str) -> set[str]:
    """Return the layers of this package that a module imports."""
    names = {found.name for found in imports(source)}
    return {name.split(".")[1] for name in names if name.startswith("aher_lightning.") and "__version__" not in name}


def allowed(layer: str) -> set[str]:
    """Return the layers that a layer may import, its own among them."""
    if layer in TOP:
        return {*MAY_IMPORT, *TOP[: TOP.index(layer) + 1]}
    return MAY_IMPORT[layer] | {layer}


FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_down(path: Path) -> None:
    layer, source = layer_of(path), path.read_text(encoding="utf-8")
    assert layers_imported(source) <= allowed(layer)
    packages = {found.name.split(".")[0] for found in imports(source)}
    assert layer in LIGHTNING or not packages & {"pytorch_lightning", "lightning", "lightning_fabric"}
    assert not {found.name.split(".")[0] for found in imports(source) if not found.is_lazy} & DECODERS


def test_every_layer_exists_and_none_is_forgotten() -> None:
    assert {layer_of(path) for path in FILES} == {*MAY_IMPORT, *TOP}


def test_the_table_has_no_cycles() -> None:
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        ready = [layer for layer, below in MAY_IMPORT.items() if layer not in order and below <= set(order)]
        assert ready, sorted(set(MAY_IMPORT) - set(order))
        order += ready
    assert "modules" not in MAY_IMPORT["datamodules"]
    assert "datamodules" not in MAY_IMPORT["modules"]


def test_hidden_imports_are_found() -> None:
    source = "import av\ndef read():\n    import decord\n    from aher_lightning.cli.main import main\n"
    assert {found.name: found.is_lazy for found in imports(source)} == {
        "av": False,
        "decord": True,
        "aher_lightning.cli.main.main": True,
    }
    assert layers_imported(source) == {"cli"}
    assert layers_imported("from aher_lightning import models, __version__") == {"models"}


def test_the_documents_hold_the_same_table() -> None:
    page = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \| .+ \| (.*) ?\|$", page.split("## Rooms")[1].split("## Records")[0], flags=re.MULTILINE
    )
    table = {name: set(re.findall(r"`(\w+)`", imported)) for name, imported in rows}
    below = {name: layers if name in RECORDS else layers - RECORDS for name, layers in MAY_IMPORT.items()}
    assert [*table] == [*MAY_IMPORT, *TOP]
    assert {name: table[name] for name in MAY_IMPORT} == below
