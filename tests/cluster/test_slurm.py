"""The shipped batch scripts on a real SLURM of two nodes: training on both, a signal, the queue, and on from there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.cli.shipped_configs import configs_folder
from aher_lightning.features.store import NpyFeatureStore
from tests.helpers.command_line import TrainedRun, extract_words
from tests.helpers.miniature import make_miniatures

ITERATIONS = 60
PATIENCE_SEC = 240.0


def count_idle_nodes() -> int:
    """Nodes of a SLURM cluster that this machine can submit to."""
    if shutil.which("sbatch") is None or shutil.which("sinfo") is None:
        return 0
    asked = subprocess.run(
        ["sinfo", "--noheader", "--format=%n %T", "--Node"], capture_output=True, text=True, check=False
    )
    return sum(line.endswith((" idle", " allocated", " mixed")) for line in asked.stdout.splitlines())


pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(count_idle_nodes() < 2, reason="needs a SLURM cluster of two nodes, see docs/cluster.md"),
]


def slurm(*words: str) -> str:
    """The answer of a SLURM command."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def state(job: str) -> dict[str, str]:
    """What the scheduler says about a job."""
    return dict(re.findall(r"(\w+)=(\S*)", slurm("scontrol", "show", "job", job)))


def wait_for(condition: Callable[[], bool], job: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SEC
    while not condition():
        said = log.read_text() if log.is_file() else ""
        assert time.monotonic() < deadline, f"{state(job)}\n{said}"
        assert state(job)["JobState"] not in {"FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"}, said
        time.sleep(0.2)


@pytest.fixture
def submit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[str, Path, Path]]:
    """Submits the shipped script on two nodes; tells the job, the run folder and the log."""
    miniature = make_miniatures(tmp_path / "data")["demo.yaml"]
    # Nodes of one machine have no addresses of their own.
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")

    def run(name: str) -> tuple[str, Path, Path]:
        folder, log = tmp_path / name, tmp_path / f"{name}.log"
        monkeypatch.setenv("RUN_FOLDER", str(folder))
        options = ["--nodes=2", "--time=10", f"--output={log}", f"--chdir={tmp_path}", f"--job-name={name}"]
        script = str(configs_folder() / "slurm" / "fit.sbatch")
        words = [f"--config={miniature.config}", f"--config={miniature.overlay}", f"--iterations={ITERATIONS}"]
        words += ["--checkpoint.every_n_iterations=4", "--trainer.limit_val_batches=0", "--trainer.deterministic=true"]
        job = slurm("sbatch", "--parsable", *options, script, *words)
        return job, folder, log

    return run


@pytest.mark.slow
def test_a_job_that_is_signalled_goes_on_where_it_was(
    submit: Callable[[str], tuple[str, Path, Path]],
) -> None:
    job, whole, log = submit("whole")
    wait_for(lambda: state(job)["JobState"] == "COMPLETED", job, log)
    assert (state(job)["NumNodes"], state(job)["NumTasks"]) == ("2", "2")
    assert "no checkpoint yet, so training starts from the beginning" in log.read_text()

    job, stopped, log = submit("stopped")
    wait_for((stopped / "last.ckpt").is_file, job, log)
    slurm("scancel", "--signal=USR1", job)
    wait_for(lambda: "was requeued" in log.read_text(), job, log)
    reached = re.findall(r"SIGUSR1: stopping after (\d+) iterations", log.read_text())
    assert len(reached) == 1, "one process speaks for both"
    assert 4 <= int(reached[0]) < ITERATIONS
    wait_for(lambda: state(job)["JobState"] in {"PENDING", "RUNNING"}, job, log)
    if state(job)["JobState"] == "PENDING":
        slurm("scontrol", "update", f"JobId={job}", "StartTime=now")
    wait_for(lambda: state(job)["JobState"] == "COMPLETED", job, log)
    assert state(job)["Restarts"] == "1"
    assert f"resuming from {stopped / 'last.ckpt'}, after {reached[0]} iterations" in log.read_text()

    one, other = (read_checkpoint(folder / "last.ckpt") for folder in (whole, stopped))
    assert one[STATE_KEY]["iteration"] == other[STATE_KEY]["iteration"] == ITERATIONS
    assert all(torch.equal(value, other["state_dict"][key]) for key, value in one["state_dict"].items())


@pytest.mark.slow
def test_an_array_shares_the_work_of_extraction(
    trained_run: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    words = extract_words(trained_run.data, trained_run.folder / "recognition" / "last.ckpt", tmp_path / "features")
    script = str(configs_folder() / "slurm" / "extract.sbatch")
    log = tmp_path / "%a.log"
    options = ["--array=1-2", "--cpus-per-task=1", "--time=10", f"--output={log}", f"--chdir={tmp_path}"]
    slurm("sbatch", "--wait", *options, script, *words[1:])
    logs = [(tmp_path / f"{number}.log").read_text() for number in (1, 2)]
    written = [int(re.findall(r"features of (\d+) videos written", text)[0]) for text in logs]
    expected, found = NpyFeatureStore(trained_run.features), NpyFeatureStore(tmp_path / "features")
    assert sum(written) == len(expected.video_ids) == len(found.video_ids)
    for video_id in expected.video_ids:
        assert torch.equal(expected.read(video_id).values, found.read(video_id).values)
