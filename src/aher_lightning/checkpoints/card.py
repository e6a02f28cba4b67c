"""Model cards: what a model finds, how it was trained, how to use it."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

LIBRARY = "aher_lightning"
"""Name of this package on model hubs."""


def model_card(state: Mapping[str, Any], name: str) -> str:
    """Return a model card in the layout of the Hugging Face Hub: YAML metadata, then text.

    Args:
        state: Our entry of the checkpoint.
        name: Name of the model.

    Returns:
        Markdown with YAML front matter. Category names are escaped.
    """
    categories, added = state["categories"], [one["name"] for one in state["added"]]
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
    """The YAML front matter."""
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
    """A table of the temporal contract, the training length and the version."""
    contract = state["contract"] or {}
    facts = {
        "iterations": state["iteration"],
        "package version": state["version"],
        "window of long videos, seconds": state["window_sec"],
        **{str(key): value for key, value in contract.items()},
    }
    rows = [f"| {_inline(key)} | {_inline(json.dumps(value))} |" for key, value in facts.items() if value is not None]
    return ["| | |", "|---|---|", *rows]


def _inline(text: str) -> str:
    """Text on one line with all markup escaped."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{character}" if character in r"\`*_[]|#" else character for character in plain)
