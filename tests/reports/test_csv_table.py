from __future__ import annotations

import csv
from pathlib import Path

import pytest

from aher_lightning.errors import ConfigError
from aher_lightning.reports.csv_table import write_csv


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rows: list[list[object]] = [["a, b", 1 / 3, None], ['say "hi"\nthere', 1e-17, 7]]
    path = tmp_path / "new" / "table.csv"
    write_csv(path, ("name", "value", "more"), rows)
    with path.open(newline="", encoding="utf-8") as file:
        header, *read = csv.reader(file)
    assert header == ["name", "value", "more"]
    assert [row[0] for row in read] == ["a, b", 'say "hi"\nthere']
    assert [float(row[1]) for row in read] == [1 / 3, 1e-17]
    assert [row[2] for row in read] == ["", "7"]


def test_a_table_may_be_empty_and_is_replaced(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", ["a"], [[1], [2]])
    write_csv(tmp_path / "t.csv", ["a"], [])
    assert (tmp_path / "t.csv").read_text() == "a\n"


def test_an_unwritable_place_is_an_error_with_the_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/t\.csv: cannot be written"):
        write_csv(tmp_path / "file" / "t.csv", ["a"], [])
