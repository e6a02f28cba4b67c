"""The annotation files of real data sets, which lie beside the repository or nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).parents[3] / "shared" / "data"


def real_data(name: str) -> Path:
    """Return a file or folder of real data; skip the test where it is absent."""
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the repository")
    return path
