"""Model cards: what a model finds, how it was trained, how to use it."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

LIBRARY = "aher_lightning"
"""Name of this package on model hubs."""


def model_card(
    state: Mapping[str, Any],
    name: str,
    *,
    place: str | None = None,
    scores: Mapping[str, float | None] | None = None,
) -> str:
    """Return a model card in the layout of the Hugging Face Hub: YAML metadata, then text.

    Args:
        state: Our entry of the checkpoint.
        name: Name of the model.
        place: Where it is, for the instructions; without it, they say "FOLDER".
        scores: What it scored, by name; ``None`` where a score is undefined.

    Returns:
        Markdown with YAML front matter. Category names are escaped.
    """
    categories, added = state["categories"], [one["name"] for one in state["added"]]
    trained = [one for one in categories["moment"] if one not in added]
    where = place or "FOLDER"
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
            f'found = Localizer.from_pretrained("{where}").localize("video.mp4")',
            "```",
            "",
            f"`aher localize video.mp4 --checkpoint {where}` does the same, and writes files.",
            "",
            "## Categories",
            "",
            *(line for title, names in sections for line in _list(title, names)),
            "## Data",
            "",
            _DATA,
            "",
            "## Facts",
            "",
            *_facts(state),
            "",
            "## Scores",
            "",
            *_scores(scores),
            "",
            "## Limits",
            "",
            *_LIMITS,
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


_DATA = (
    "The categories say what was annotated: start and end of actions in long videos, or the label of trimmed clips. "
    "Which data sets these were, and under which licences, is for whoever publishes the model to say."
)

_LIMITS = (
    "- It finds the categories above and no others; other actions are missed, or taken for one of them.",
    "- No start or end of an action that was learnt from clips alone was ever annotated.",
    "- Scores rank detections; they are no calibrated probabilities.",
    "- Videos unlike those of training, such as other cameras, speeds or lengths of actions, may give worse results: "
    "measure on annotated videos of your own before you rely on it.",
)
"""What holds for every such model."""


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
    return _table({key: json.dumps(value) for key, value in facts.items() if value is not None})


def _scores(scores: Mapping[str, float | None] | None) -> list[str]:
    """A table of scores, or a line that there are none."""
    if not scores:
        return ["None were given when this folder was made."]
    return _table({name: "undefined" if value is None else f"{value:.4f}" for name, value in scores.items()})


def _table(rows: Mapping[str, str]) -> list[str]:
    """A table of names and values."""
    return ["| | |", "|---|---|", *(f"| {_inline(name)} | {_inline(value)} |" for name, value in rows.items())]


def _inline(text: str) -> str:
    """Text on one line with all markup escaped."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{character}" if character in r"\`*_[]|#" else character for character in plain)
