"""Tables as CSV, for spreadsheets and for figures of one's own."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table; numbers keep full precision and ``None`` becomes an empty field.

    Args:
        path: File to write; missing parent folders are made.
        columns: Names of the columns.
        rows: The rows, as many values as columns in each.

    Raises:
        OSError: If the file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_csv(Path(folder, "t.csv"), ["name", "score"], [["a, b", 0.1], ["c", None]])
        ...     print(Path(folder, "t.csv").read_text(), end="")
        name,score
        "a, b",0.1
        c,
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
