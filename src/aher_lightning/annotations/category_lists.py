"""Lists of category names, and their split into groups."""

from __future__ import annotations

import re
from pathlib import Path

from aher_lightning.errors import AnnotationError, ConfigError
from aher_lightning.files.json_files import read_json, read_json_object


def read_taxonomy_leaves(path: Path) -> list[str]:
    """Return the leaves of the ``"taxonomy"`` of a file in ActivityNet layout, in file order; empty without taxonomy.

    Raises:
        AnnotationError: If the file cannot be read, or its taxonomy is not a list of named nodes.
    """
    nodes = read_json_object(path, AnnotationError).get("taxonomy") or []
    if not isinstance(nodes, list) or not all(
        isinstance(node, dict) and isinstance(node.get("nodeName"), str) for node in nodes
    ):
        raise AnnotationError(
            f'{path}: "taxonomy" is not a list of nodes with a "nodeName"; correct it or leave it out'
        )
    parents = {node.get("parentName") for node in nodes}
    return [node["nodeName"] for node in nodes if node["nodeName"] not in parents]


def read_categories(path: Path, group: str | None = None) -> list[str]:
    """Return category names from a JSON list, or from one group of a JSON object of lists, in file order.

    Args:
        path: File with ``["name", ...]``, or with ``{"group": ["name", ...], ...}``.
        group: Which group; required for an object, refused for a list.

    Raises:
        AnnotationError: If the file cannot be read, the group does not exist, or the names are not a list of
            different non-empty strings.
    """
    names = read_json(path, AnnotationError)
    if isinstance(names, dict):
        groups = ", ".join(map(repr, names)) or "none"
        if group not in names:
            found = "needs a group" if group is None else f"has no group {group!r}"
            raise AnnotationError(f"{path}: {found}; groups that exist: {groups}")
        names = names[group]
    elif group is not None:
        raise AnnotationError(f"{path}: has no groups; leave out the group {group!r}")
    return _check_names(names, path)


def read_category_groups(path: Path) -> dict[str, list[str]]:
    """Return all category groups of a file, in file order.

    Args:
        path: File with ``{"group": ["name", ...], ...}``, or with ``["name", ...]``: one group named ``""``.

    Raises:
        AnnotationError: If the file cannot be read, has no group, the names of a group are not a list of different
            non-empty strings, or a category is in two groups.
    """
    content = read_json(path, AnnotationError)
    groups = content if isinstance(content, dict) else {"": content}
    if not groups:
        raise AnnotationError(f"{path}: has no group of categories; add one")
    checked = {group: _check_names(names, path) for group, names in groups.items()}
    owners: dict[str, str] = {}
    for group, names in checked.items():
        for name in names:
            if name in owners:
                both = f"{owners[name]!r} and {group!r}"
                raise AnnotationError(f"{path}: the category {name!r} is in the groups {both}; leave it in one of them")
            owners[name] = group
    return checked


def _check_names(names: object, path: Path) -> list[str]:
    """Return a list of different names; refuse anything else."""
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise AnnotationError(f"{path}: categories must be a non-empty list of names")
    if len(set(names)) != len(names):
        raise AnnotationError(f"{path}: a category is listed twice; list each once")
    return names


def read_split(path: Path) -> tuple[list[str], list[str]]:
    """Return the categories with temporal annotations and those known from moments of a split file.

    Args:
        path: JSON file ``{"untrimmed": ["name", ...], "moment": ["name", ...]}``; other keys are ignored.

    Raises:
        AnnotationError: If the file cannot be read, lacks a set, or lists a category twice.
        ConfigError: If a category is in both sets.
    """
    untrimmed, moment = read_categories(path, "untrimmed"), read_categories(path, "moment")
    shared = sorted(set(untrimmed) & set(moment))
    if shared:
        raise ConfigError(f"{path}: category '{shared[0]}' is in both category sets; leave it in one of them")
    return untrimmed, moment


def plain_name(name: str) -> str:
    """Return a category name without case, spaces and punctuation, to compare the spellings of data sets.

    Example:
        >>> plain_name("Blow-drying hair") == plain_name("blowdrying_hair")
        True
    """
    return re.sub(r"[\W_]+", "", name).lower()
