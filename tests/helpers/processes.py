"""Several processes joined by gloo, as in distributed training."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn


def run_in_processes(function: Callable[[int], None], num_processes: int) -> None:
    """Run a module-level function of the rank in each process of a group; fail if it fails in one of them."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = (function, num_processes, str(Path(folder) / "meeting_point"))
        spawn(_run, args=arguments, nprocs=num_processes)  # type: ignore[no-untyped-call]


def _run(rank: int, function: Callable[[int], None], num_processes: int, meeting_point: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=num_processes)
    try:
        function(rank)
    finally:
        distributed.destroy_process_group()
