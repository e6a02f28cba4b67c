"""Results of the official ActivityNet evaluators (sorting stably), and where their inputs lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_BESIDE = Path(__file__).parents[3] / "shared" / "golden" / "eval"
_INSIDE = Path(__file__).parents[1] / "golden" / "eval"


class OfficialCase(NamedTuple):
    ground_truth: Path
    predictions: Path
    detection: dict[str, Any]
    proposal: dict[str, Any]


def official_case(name: str) -> OfficialCase:
    """Return a case by name; skip the test where its files are absent."""
    folder = _INSIDE if name == "small" else _BESIDE
    if not (folder / f"{name}_gt.json").exists():
        pytest.skip(f"the golden case {name!r} is not beside the repository")
    result = json.loads((folder / f"{name}_result_stable_desc.json").read_text())
    return OfficialCase(
        folder / f"{name}_gt.json", folder / f"{name}_pred.json", result["detection"], result["proposal"]
    )
