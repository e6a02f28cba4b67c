"""Tables as CSV, for spreadsheets and plotting."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from aher_lightning.errors import AherError, ConfigError
from aher_lightning.files.json_files import write_text


def write_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], error: type[AherError] = ConfigError
) -> None:
    """Write a table, atomically; numbers keep full precision and ``None`` becomes an empty field.

    Args:
        path: File to write; missing parent folders are created.
        columns: Names of the columns.
        rows: The rows, one value per column.
        error: What to raise.

    Raises:
        AherError: As ``error``, if the file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_csv(Path(folder, "t.csv"), ["name", "score"], [["a, b", 0.1], ["c", None]])
        ...     print(Path(folder, "t.csv").read_text(), end="")
        name,score
        "a, b",0.1
        c,
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue(), error)
