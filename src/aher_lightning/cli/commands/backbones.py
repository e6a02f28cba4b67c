"""``aher backbones``: the pretrained networks that features can come from."""

from __future__ import annotations

import json as json_text

from rich.table import Table

from aher_lightning import models
from aher_lightning.console import output_console
from aher_lightning.errors import AherError
from aher_lightning.models.backbones.known_networks import KNOWN_NETWORKS, KnownNetwork, cpu_seconds_per_clip


def backbones(*, measure: bool = False, json: bool = False) -> list[dict[str, object]]:
    """Show the pretrained networks with published figures: their clips, licences and accuracies.

    Any other image network of timm (TimmBackbone) and video network of transformers (HuggingFaceBackbone) works too.

    Args:
        measure: Whether to measure how long a clip takes on this machine's processor, where a package is installed.
        json: Print JSON instead of a table.
    """
    rows: list[dict[str, object]] = []
    for known in KNOWN_NETWORKS:
        seconds = _seconds(known) if measure else None
        rows.append({**known._asdict(), "cpu_seconds_per_clip": seconds})
    if json:
        output_console().print(json_text.dumps(rows), markup=False)
        return rows
    table = Table(title="Pretrained backbones (top-1: Kinetics-400)", title_justify="left", show_lines=True)
    for column in ("backbone\nname", "weights\nlicence", "clip", "mean\nstd", "top-1 %"):
        table.add_column(column, no_wrap=True)
    if measure:
        table.add_column("CPU\ns / clip", justify="right")
    for known, row in zip(KNOWN_NETWORKS, rows, strict=True):
        table.add_row(*_cells(known), *_measured(row["cpu_seconds_per_clip"], is_asked=measure))
    output_console().print(table)
    return rows


def _cells(known: KnownNetwork) -> list[str]:
    """The cells of a row that need no measurement."""
    frames = "any length" if known.frames is None else f"{known.frames} frames"
    return [
        f"{known.kind}\n{known.name}".strip(),
        f"{known.parameters / 1e6:.1f} M\n{known.licence}",
        f"{frames}\n{known.size} x {known.size}",
        f"{_rounded(known.mean)}\n{_rounded(known.std)}",
        known.accuracy.partition(" ")[0] or "-",
    ]


def _rounded(numbers: str) -> str:
    """Numbers to two digits, which fit into a terminal; JSON has all."""
    return " ".join(f"{float(number):.2f}" for number in numbers.split(","))


def _measured(seconds: object, *, is_asked: bool) -> list[str]:
    """The cell of the measurement, if it was asked for; a dash where the package is missing."""
    if not is_asked:
        return []
    return [f"{seconds:.2f}" if isinstance(seconds, float) else "-"]


def _seconds(known: KnownNetwork) -> float | None:
    """Processor seconds per clip; ``None`` without the package."""
    options: dict[str, object] = {"weights": None, **({"name": known.name} if known.name else {})}
    try:
        return cpu_seconds_per_clip(getattr(models, known.kind)(**options))
    except AherError:
        return None
