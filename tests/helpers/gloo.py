"""Runs a function on several processes that talk over gloo."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import torch
from torch import distributed


def run_on_processes(function: Callable[..., object], num_processes: int, folder: Path, *args: object) -> list[object]:
    """Return what ``function(rank, *args)`` returned on each process; it must be importable by name."""
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_start, args=(rank, function, num_processes, folder, args), daemon=True)
        for rank in range(num_processes)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=600)
    exit_codes = [process.exitcode for process in processes]
    assert exit_codes == [0] * num_processes, f"exit codes {exit_codes}; None stands for still running"
    return [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(num_processes)]


def _start(
    rank: int, function: Callable[..., object], num_processes: int, folder: Path, args: tuple[object, ...]
) -> None:
    torch.set_num_threads(1)
    # Without this, gloo looks up the address of the host by name, which fails on machines without a network.
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    # Lightning starts no processes of its own where it is told which one this is.
    os.environ["LOCAL_RANK"] = str(rank)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=num_processes
    )
    try:
        (folder / f"{rank}.pickle").write_bytes(pickle.dumps(function(rank, *args)))
    finally:
        distributed.destroy_process_group()
