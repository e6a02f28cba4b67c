"""File names that tell the category: a glob pattern with one place for it."""

from __future__ import annotations

import re

from aher_lightning.errors import ConfigError

PLACE = "{category}"
"""Stands for the category in a pattern."""

_TOKEN = re.compile(r"\[[^\]]+\]|.", re.DOTALL)


class NamePattern:
    """A pattern of file names without ending, such as ``v_{category}_g*_c*``.

    ``*`` stands for any characters, ``?`` for one, ``[1-4]`` and ``[!x]`` for one of a set; upper and lower case
    differ. Where a name fits in several ways, what stands before the category is as short as possible, and the
    category as long as possible.

    Args:
        pattern: The pattern, with ``{category}`` once.

    Raises:
        ConfigError: If ``{category}`` is missing, or there twice.

    Example:
        >>> NamePattern("v_{category}_g*_c*").category("v_Playing_guitar_g01_c02")
        'Playing_guitar'
    """

    def __init__(self, pattern: str) -> None:
        parts = pattern.split(PLACE)
        if len(parts) != 2:
            raise ConfigError(
                f"the pattern '{pattern}' names {PLACE} {len(parts) - 1} times; a pattern has it once, as in "
                "'v_{category}_g*_c*'"
            )
        self.pattern = pattern
        before, after = ("".join(map(_expression, _TOKEN.findall(part))) for part in parts)
        self._expression = re.compile(f"{before}(?P<category>.+){after}", re.DOTALL)

    def category(self, name: str) -> str | None:
        """Return the category that a name tells.

        Args:
            name: File name without ending.

        Returns:
            The category, or nothing if the name does not fit.
        """
        match = self._expression.fullmatch(name)
        return None if match is None else match["category"]


def _expression(token: str) -> str:
    """The regular expression of a wildcard or a plain character."""
    if len(token) > 1:
        inside = token[1:-1].replace("\\", "\\\\")
        return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    return {"*": ".*?", "?": "."}.get(token, re.escape(token))
