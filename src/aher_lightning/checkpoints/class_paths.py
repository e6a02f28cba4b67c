"""Which classes a checkpoint may name: loading imports them, so foreign ones need the user's trust."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from aher_lightning.errors import CheckpointError

TRUSTED_PACKAGES = ("aher_lightning", "torch.optim")
"""Packages whose classes need no further trust: this one, and the optimizers of torch."""

HUB_FIELDS: Mapping[str, tuple[str, ...]] = {"HuggingFaceBackbone": ("name", "revision"), "TimmBackbone": ("name",)}
"""Arguments of bundled backbones that name something on a hub. They are text that nothing imports, calls or opens."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*)?")
"""A name on a hub, such as ``MCG-NJU/videomae-base``: no path that leads anywhere."""


def check_class_paths(configuration: object, path: Path) -> None:
    """Refuse a stored configuration that names anything outside the trusted packages.

    Whoever writes a checkpoint chooses these names. The parser imports what they name, which runs code, and calls
    functions where a class is expected. It also reads other files where a value looks like one. So two things are
    refused before the parser sees them: class paths that do not lead to a class defined in a trusted package, and
    any other text that could name a module or a file, except in the fields of :data:`HUB_FIELDS`. No other module is
    imported for the check.

    Args:
        configuration: Class path and arguments of a module, as its checkpoint holds them.
        path: The checkpoint, for messages.

    Raises:
        CheckpointError: If there is such a name.
    """
    for name in _find_names(configuration):
        if not _is_trusted_class(name):
            raise CheckpointError(
                f"{path}: names '{name:.80}', which is not part of this package, and loading it would run its code; "
                "if you trust whoever made the file, add --trust-plugins (trust_plugins=True in Python)"
            )


def _find_names(value: object) -> Iterator[str]:
    """All class paths, and all other texts with a character that only paths have."""
    if isinstance(value, Mapping):
        hub_fields = HUB_FIELDS.get(str(value.get("class_path")).rpartition(".")[2], ())
        for key, part in value.items():
            if key == "class_path" and isinstance(part, str):
                yield part
            elif key == "init_args" and isinstance(part, Mapping):
                yield from _find_names(
                    {name: one for name, one in part.items() if not _is_hub_name(name, one, hub_fields)}
                )
            else:
                yield from _find_names(part)
    elif isinstance(value, str):
        if any(character in value for character in "./\\"):
            yield value
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _find_names(part)


def _is_hub_name(field: str, value: object, hub_fields: Collection[str]) -> bool:
    """Whether an argument is one of those that name something on a hub, and does."""
    return field in hub_fields and isinstance(value, str) and _HUB_NAME.fullmatch(value) is not None


def _is_trusted_class(name: str) -> bool:
    """Whether a name leads to a class that a trusted package defines, not merely imports."""
    module_name, _, class_name = name.rpartition(".")
    if not any(_is_inside(module_name, package) for package in TRUSTED_PACKAGES):
        return False
    try:
        found = getattr(import_module(module_name), class_name, None)
    except ImportError:
        return False
    return isinstance(found, type) and any(_is_inside(found.__module__, package) for package in TRUSTED_PACKAGES)


def _is_inside(module_name: str, package: str) -> bool:
    """Whether a module is a package or a part of it."""
    return module_name == package or module_name.startswith(f"{package}.")
