"""The parts of a training batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aher_lightning.errors import ConfigError

Part = Literal["untrimmed", "foreground", "moments"]
"""A part of a training batch."""

PARTS: tuple[Part, ...] = ("untrimmed", "foreground", "moments")


def choose_parts(parts: Sequence[Part] | None, *, has_moments: bool) -> tuple[Part, ...]:
    """Return the parts of a batch.

    Args:
        parts: The parts that are wanted; ``None`` takes all of the setting.
        has_moments: Whether the setting has moments.

    Raises:
        ConfigError: If nothing is wanted, or moments where there are none.

    Example:
        >>> choose_parts(None, has_moments=False)
        ('untrimmed', 'foreground')
    """
    if parts is None:
        return PARTS if has_moments else tuple(part for part in PARTS if part != "moments")
    if not parts:
        raise ConfigError("'parts' is empty; list one part, or remove the option for all of them")
    if "moments" in parts and not has_moments:
        raise ConfigError("with 'label_fraction' there are no moments; remove \"moments\" from 'parts'")
    return tuple(parts)
