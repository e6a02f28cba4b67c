"""Results of the official ActivityNet evaluators, and where their inputs lie or how they are made."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.helpers.golden_fill import golden_path

INSIDE = Path(__file__).parents[1] / "golden" / "eval"
"""Cases that are part of the repository."""


class OfficialCase(NamedTuple):
    ground_truth: Path
    predictions: Path
    detection: dict[str, Any]
    proposal: dict[str, Any]


ORIGINALS = {
    "small_gt": lambda: golden_path("eval", "small_gt.json"),
    "small_pred": lambda: golden_path("eval", "small_pred.json"),
    "small_result_stable_desc": lambda: golden_path("eval", "small_result_stable_desc.json"),
}
"""Where the cases of the repository were copied from."""


class GeneratedCase(NamedTuple):
    ground_truth: Path
    predictions: Path


def official_case(name: str, sort: str = "stable_desc") -> OfficialCase:
    """Return a case by name; skip the test where its files are absent.

    Args:
        name: Name of the case.
        sort: How the evaluator sorted: "stable_desc" leaves equal scores in file order, "default" to chance.
    """
    if name == "small":
        paths = [INSIDE / part for part in ("small_gt.json", "small_pred.json", f"small_result_{sort}.json")]
    else:
        results = {
            "stable_desc": golden_path("eval", "medium_result_stable_desc.json"),
            "default": golden_path("eval", "medium_result_default.json"),
        }
        paths = [golden_path("eval", "medium_gt.json"), golden_path("eval", "medium_pred.json"), results[sort]]
    result = json.loads(paths[2].read_text())
    return OfficialCase(paths[0], paths[1], result["detection"], result["proposal"])


def generated_case(name: str, folder: Path) -> GeneratedCase:
    """Let the generator of the cases write one into a folder; skip the test where it is absent."""
    subprocess.run([sys.executable, golden_path("eval", "gen_eval_cases.py"), name, folder], check=True, timeout=300)
    return GeneratedCase(folder / f"{name}_gt.json", folder / f"{name}_pred.json")


def md5(path: Path) -> str:
    """Return the checksum of a file."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
