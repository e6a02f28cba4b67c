"""Processes of benchmarks: their memory, and measuring in a new one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def memory_mib(field: str, process: str = "self") -> float:
    """Return the current (VmRSS) or peak memory (VmHWM) of a process.

    ``ru_maxrss`` would include the memory of the parent process.
    """
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    (kib,) = [int(line.split()[1]) for line in lines if line.startswith(f"{field}:")]
    return kib / 1024


def children() -> list[str]:
    """Return the running processes that this one has started."""
    return [pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]


def run_apart(script: str, *words: object) -> dict[str, float]:
    """Return the JSON in the last line that a script prints, run in a separate process to ``measure`` something."""
    command = [sys.executable, "-W", "ignore", script, "measure", *map(str, words)]
    child = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if child.returncode:
        raise SystemExit(child.returncode)
    measured: dict[str, float] = json.loads(child.stdout.splitlines()[-1])
    return measured
