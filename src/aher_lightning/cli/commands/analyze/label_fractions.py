"""``aher analyze label-fractions``: full supervision on growing fractions of labels against AherNet (Fig. 6)."""

from __future__ import annotations

from pathlib import Path

from aher_lightning.analyses.label_fractions import FractionPoint, overtaking_fraction, parse_fractions
from aher_lightning.console import output_console
from aher_lightning.errors import DataError
from aher_lightning.files.json_files import MalformedError, finite_number, read_json_object
from aher_lightning.reports.csv_table import write_csv
from aher_lightning.reports.label_fraction_curve import draw_label_fraction_curve

METRIC = "test/mAP"
"""Key of the average mAP in the files of ``aher test``."""


def label_fractions(supervised: dict[str, Path], ahernet: Path, output: Path = Path("analysis")) -> list[FractionPoint]:
    """Show how many temporal annotations full supervision needs to beat AherNet.

    Args:
        supervised: Files ``metrics.json`` that ``aher test`` wrote for AherNet*, by the fraction of the annotations
            that it was trained on: ``{"0.1": FILE, "1.0": FILE}``.
        ahernet: The file of AherNet.
        output: Folder for ``fractions.csv`` and ``fractions.png``; made if needed.

    Returns:
        The table: AherNet at fraction 0, since it sees none of these annotations, then AherNet* by fraction.

    Raises:
        ConfigError: If a fraction is none, or given twice.
        DataError: If a file is missing or has no average mAP.
    """
    points = parse_fractions({fraction: read_average(path) for fraction, path in supervised.items()})
    level = read_average(ahernet)
    table = [FractionPoint(0.0, level), *points]
    write_csv(output / "fractions.csv", FractionPoint._fields, table)
    draw_label_fraction_curve(output / "fractions.png", points, level)
    fraction = overtaking_fraction(points, level)
    reached = "with no fraction" if fraction is None else f"at {100 * fraction:.0f} %"
    output_console().print(f"AherNet* reaches AherNet {reached} of the annotations", markup=False)
    output_console().print(f"written to {output / 'fractions.csv'} and {output / 'fractions.png'}", markup=False)
    return table


def read_average(path: Path) -> float:
    """Return the average mAP of a test run.

    Args:
        path: File ``metrics.json`` of ``aher test``.

    Returns:
        Average mAP in ``[0, 1]``.

    Raises:
        DataError: If the file is missing or has no average mAP.
    """
    metrics = read_json_object(path, DataError)
    if METRIC not in metrics:
        raise DataError(f"{path}: has no {METRIC!r}; give the metrics.json of 'aher test'")
    try:
        value = finite_number(metrics[METRIC], METRIC)
    except MalformedError as reason:
        raise DataError(f"{path}: {reason}; give the metrics.json of 'aher test'") from None
    if not 0 <= value <= 1:
        raise DataError(f"{path}: {METRIC} is {value}, but lies in [0, 1]; give the metrics.json of 'aher test'")
    return value
