from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aher_lightning.errors import DataError
from aher_lightning.features import csv_folder
from aher_lightning.features.csv_folder import CsvFolderStore, read_csv_array
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.video.contract import TemporalContract
from tests.helpers.published import DURATION_SEC, toy_features, write_array_file, write_manifest
from tests.helpers.real_data import real_data


@pytest.mark.parametrize("layout", ["TC", "CT"])
def test_reads_as_our_own(tmp_path: Path, layout: str) -> None:
    own = NpyFeatureStore.create(tmp_path / "own", TemporalContract(fps=10.0))
    own.write("a", torch.from_numpy(toy_features("a")), DURATION_SEC)
    others = tmp_path / "others"
    write_manifest(others, "csv", layout=layout, durations_sec={"a": DURATION_SEC})
    write_array_file(others / "a.csv", toy_features("a") if layout == "TC" else toy_features("a").T)
    store = CsvFolderStore(others)
    for span_sec in (None, (2.0, 4.1), (16.9, 17.0)):
        read, wanted = store.read("a", span_sec), own.read("a", span_sec)
        assert torch.equal(read.values, wanted.values)  # nine digits hold every float32
        assert read[1:] == wanted[1:]


def test_a_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(tmp_path, "csv")
    for name in ("a", "b"):
        write_array_file(tmp_path / f"{name}.csv", toy_features(name))
    parsed = []

    def watched(path: Path, *, has_header: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        parsed.append(path.name)
        return read_csv_array(path, has_header=has_header)

    monkeypatch.setattr(csv_folder, "read_csv_array", watched)
    store = CsvFolderStore(tmp_path)
    for name in ("a", "b", "a", "b"):
        store.read(name, (1.0, 3.0))
    assert parsed == ["a.csv", "b.csv"]


def test_a_line_of_names_is_left_out_only_if_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\ufefff0,f1\r\n1,2.5\r\n3,-4e-1\r\n\r\n", encoding="utf-8")
    assert read_csv_array(path, has_header=True).tolist() == [[1.0, 2.5], [3.0, pytest.approx(-0.4)]]
    with pytest.raises(DataError, match=r"a\.csv: is not a table of numbers .*; check 'header' in the manifest"):
        read_csv_array(path, has_header=False)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", r"a\.csv: holds no features"),
        (b"f0,f1\n", "holds no features; fetch the file again, or leave the video out"),
        (b"f0,f1\n1,2\n3\n", "is not a table of numbers"),
        (b"f0,f1\n1,x\n", "is not a table of numbers"),
        (b"f0,f1\n1,\n", "is not a table of numbers"),
        (b"\xff\xfe\x00", "is not UTF-8 text; give a CSV file"),
    ],
)
def test_damaged_files_get_one_line(tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=match) as caught:
        read_csv_array(tmp_path / "a.csv", has_header=True)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"none\.csv: cannot be read \(No such file"):
        read_csv_array(tmp_path / "none.csv", has_header=True)


def test_a_published_file_is_read(tmp_path: Path) -> None:
    path = real_data("activitynet/mmaction2_v_test1.csv")
    (tmp_path / "v_test1.csv").write_bytes(path.read_bytes())
    # Five snippets of 16 frames, one after another, at 30 frames per second.
    contract = {"fps": 30.0, "clip_length": 16, "snippet_stride": 16, "first_centre_frames": 8.0}
    write_manifest(
        tmp_path, "csv", prefix="v_", channels=400, header=True, contract=contract, durations_sec={"test1": 80 / 30}
    )
    snippets = CsvFolderStore(tmp_path, tolerance=0).read("test1")
    rows = [[float(word) for word in line.split(",")] for line in path.read_text().splitlines()[1:]]
    assert snippets.values.shape == (5, 400)
    assert torch.equal(snippets.values, torch.tensor(rows))
    assert snippets.first_centre == pytest.approx(0.1)
