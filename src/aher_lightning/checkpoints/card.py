"""The page that people read about a model: what it finds, how it was trained, how it is used."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

LIBRARY = "aher_lightning"
"""How hubs call this package."""


def model_card(state: Mapping[str, Any], name: str) -> str:
    """Return a model card in the layout of the Hugging Face Hub: facts in front, then text.

    Args:
        state: What the module's checkpoint says besides its tensors.
        name: Name of the model.

    Returns:
        Markdown with a head in YAML. Names of categories are escaped.
    """
    categories, added = state["categories"], [one["name"] for one in state.get("added", ())]
    trained = [one for one in categories["moment"] if one not in added]
    sections = [
        ("Annotated in long videos during training", categories["untrimmed"]),
        ("Learnt from trimmed clips alone", trained),
        ("Added after training, from a few clips", added),
    ]
    return "\n".join(
        [
            *_head(),
            f"# {_inline(name)}",
            "",
            "Finds actions in long videos: a localizer of the package `aher_lightning`, trained as in "
            '"Learning to Localize Actions from Moments" (Long et al., ECCV 2020).',
            "",
            "```python",
            "from aher_lightning.inference.localizer import Localizer",
            "",
            'found = Localizer.from_pretrained("FOLDER").localize("video.mp4")',
            "```",
            "",
            "`aher localize video.mp4 --checkpoint FOLDER` does the same, and writes files.",
            "",
            "## Categories",
            "",
            *(line for title, names in sections for line in _list(title, names)),
            "## Facts",
            "",
            *_facts(state),
            "",
        ]
    )


def _head() -> list[str]:
    """What machines read."""
    return [
        "---",
        f"library_name: {LIBRARY}",
        "pipeline_tag: video-classification",
        "tags:",
        "- temporal-action-localization",
        "- video",
        "---",
        "",
    ]


def _list(title: str, names: Sequence[str]) -> list[str]:
    """A list of categories under a title; nothing if there are none."""
    if not names:
        return []
    return [f"{title} ({len(names)}):", "", *(f"- {_inline(name)}" for name in names), ""]


def _facts(state: Mapping[str, Any]) -> list[str]:
    """A table of how videos are read, and what wrote this."""
    contract = state.get("contract") or {}
    facts = {
        "iterations": state.get("iteration"),
        "package version": state.get("version"),
        "window of long videos, seconds": state.get("window_sec"),
        **{str(key): value for key, value in contract.items()},
    }
    rows = [f"| {_inline(key)} | {_inline(json.dumps(value))} |" for key, value in facts.items() if value is not None]
    return ["| | |", "|---|---|", *rows]


def _inline(text: str) -> str:
    """Text on one line, in which nothing is markup."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{character}" if character in r"\`*_[]|#" else character for character in plain)
