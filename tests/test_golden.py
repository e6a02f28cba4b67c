"""Every reference file is read by a test, and every test that reads one can be selected by its marker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.golden_fill import GOLDEN_FOLDER, golden_path
from tests.helpers.golden_usage import GoldenTest, golden_tests

pytestmark = pytest.mark.golden

TESTS = Path(__file__).parent

EXPLANATIONS = {"README.md"}
"""Files beside the reference numbers that hold none."""


@pytest.fixture(scope="module")
def users() -> list[GoldenTest]:
    return golden_tests(TESTS)


def test_every_reference_file_is_read_by_a_test(users: list[GoldenTest]) -> None:
    if not GOLDEN_FOLDER.is_dir():
        pytest.skip("reference numbers are not beside the repository")
    files = {path.relative_to(GOLDEN_FOLDER).as_posix() for path in GOLDEN_FOLDER.rglob("*") if path.is_file()}
    read = {file for user in users for file in user.files}
    unread, invented = sorted(files - read - EXPLANATIONS), sorted(read - files)
    assert not unread, f"no test reads {', '.join(unread)}"
    assert not invented, f"tests name {', '.join(invented)}, and there are no such files"


def test_every_test_that_reads_reference_numbers_is_marked(users: list[GoldenTest]) -> None:
    assert len(users) > 30
    assert not [f"{user.module}.{user.name}" for user in users if not user.is_marked]


def test_a_missing_file_is_no_reason_to_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.helpers.golden_fill.GOLDEN_FOLDER", tmp_path)
    (tmp_path / "there.json").touch()
    opener = golden_path  # by another name: these are no reference files
    assert opener("there.json") == tmp_path / "there.json"
    with pytest.raises(FileNotFoundError, match=r"absent\.json: there are reference numbers, but no such file"):
        opener("absent.json")
    monkeypatch.setattr("tests.helpers.golden_fill.GOLDEN_FOLDER", tmp_path / "nowhere")
    with pytest.raises(pytest.skip.Exception, match=r"reference numbers there\.json are not beside"):
        opener("there.json")


SOURCES = {
    "conftest.py": """
import pytest

@pytest.fixture
def shared_numbers():
    return golden_path("from_conftest.npz")
""",
    "helpers/numbers.py": """
from tests.helpers.golden_fill import golden_path

NUMBERS = Path("golden")
NOT_READ = 1

def anchors():
    return load("a")

def load(name):
    return golden_path("tf", "helped.npz")

def nobody_calls_this():
    return golden_path("unused.npz")
""",
    "test_things.py": """
import pytest
from tests.helpers.numbers import NOT_READ, NUMBERS, anchors as released

@pytest.fixture
def fixed():
    return released()

@pytest.mark.golden
def test_marked(fixed):
    assert golden_path("direct.npz")

def test_unmarked(fixed):
    pass

def test_shipped():
    assert NUMBERS

def test_of_conftest(shared_numbers):
    pass

def test_innocent():
    assert NOT_READ
""",
    "test_whole.py": """
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.golden]

def test_all():
    golden_path("whole.json")
""",
}


def write_tests(folder: Path, **changes: str) -> Path:
    for name, text in {**SOURCES, **changes}.items():
        path = folder / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "tests"


def test_what_a_test_reads_is_found_through_helpers_and_fixtures(tmp_path: Path) -> None:
    found = {user.name: (user.is_marked, set(user.files)) for user in golden_tests(write_tests(tmp_path))}
    assert found == {
        "test_marked": (True, {"direct.npz", "tf/helped.npz"}),
        "test_unmarked": (False, {"tf/helped.npz"}),
        "test_shipped": (False, set()),
        "test_of_conftest": (False, {"from_conftest.npz"}),
        "test_all": (True, {"whole.json"}),
    }


def test_names_must_be_spelt_out(tmp_path: Path) -> None:
    hidden = write_tests(tmp_path, **{"test_more.py": "def test_one():\n    golden_path('tf', f'{1}.npz')\n"})
    with pytest.raises(
        ValueError, match=r"tests\.test_more\.test_one: golden_path opens a file whose name is not spelt"
    ):
        golden_tests(hidden)


@pytest.mark.parametrize("video", ["v0", "v1"])
def test_shipped_suppression_is_that_of_the_reference(video: str) -> None:
    shipped = json.loads((TESTS / "golden" / "released_nms.json").read_text(encoding="utf-8"))[video]
    with np.load(golden_path("tf", "08_inference_nms.npz")) as reference:
        assert shipped["keep_index"] == reference[f"{video}_keep_index"].tolist()
        assert (shipped["threshold"], shipped["duration"]) == pytest.approx(reference[f"{video}_cfg"].tolist())
        np.testing.assert_allclose(shipped["segments"], reference[f"{video}_boxes"][:, :2], rtol=1e-6)
