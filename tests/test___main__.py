from __future__ import annotations

import subprocess
import sys

from aher_lightning import __version__


def test_the_package_runs_as_the_command() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "aher_lightning", "--version"], check=True, capture_output=True, text=True
    )
    assert f"aher_lightning {__version__}" in asked.stdout
    unknown = subprocess.run(
        [sys.executable, "-m", "aher_lightning", "localise"], check=False, capture_output=True, text=True
    )
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("aher: unknown command 'localise', did you mean 'localize'?")
