"""Names that begin with an underscore in a library may change with any version of it: each that is used stands here."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from enum import Enum
from pathlib import Path

import aher_lightning

USED = {
    "_BatchNorm": "the base class of all batch normalizations in torch; its own documentation has no other name for it",
    "_exit": "of os: ends a process without cleaning up",
    "_option_string_actions": "the options of an argparse parser, to find the one that was meant",
    "_trainer": "of a LightningModule: none where it is used without one, where the public name raises",
}
OVERRIDDEN = {
    "PerVideoMetric._apply": "how torch moves a module and changes its type; states of a metric keep theirs",
}
RECORDS = {"_asdict", "_fields", "_replace"}
"""Of named tuples, where the underscore keeps clear of field names."""

TREES = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(aher_lightning.__file__).parent.rglob("*.py")]
NODES = [node for tree in TREES for node in ast.walk(tree)]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def test_no_other_private_name_of_a_library_is_used() -> None:
    own = {node.name for node in NODES if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    own |= {node.attr for node in NODES if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    own |= {node.id for node in NODES if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    used = {node.attr for node in NODES if isinstance(node, ast.Attribute)}
    used |= {one.name for node in NODES if isinstance(node, ast.ImportFrom) for one in node.names}
    assert {name for name in used if is_private(name)} - own - RECORDS == set(USED)


def test_no_other_private_method_of_a_library_is_overridden() -> None:
    prefix = f"{aher_lightning.__name__}."
    modules = [importlib.import_module(one.name) for one in pkgutil.walk_packages(aher_lightning.__path__, prefix)]
    classes = {one for module in modules for _, one in inspect.getmembers(module, inspect.isclass)}
    # Enumerations hold methods of their library, which differ between versions of Python.
    ours = [
        one
        for one in classes
        if one.__module__.startswith(prefix) and not hasattr(one, "_fields") and not issubclass(one, Enum)
    ]
    overridden = {
        f"{one.__name__}.{name}"
        for one in ours
        for name, value in vars(one).items()
        if is_private(name) and inspect.isfunction(value)
        for base in one.__mro__[1:]
        if not base.__module__.startswith(prefix) and name in vars(base)
    }
    assert len(ours) > 100
    assert overridden == set(OVERRIDDEN)
