from __future__ import annotations

import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from aher_lightning.errors import DataError
from aher_lightning.features import claims as work_claims
from aher_lightning.features.claims import WorkClaims, acquire, exclusive, owners, release, remove_orphans
from aher_lightning.files.owners import Owner, partial_path, this_process
from tests.files.test_owners import dead_owner, names

FORK = multiprocessing.get_context("fork")
ELSEWHERE = Owner("elsewhere-00000000", 1, 1, "0" * 8)


def age(path: Path, seconds: float) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def claim_of(owner: Owner | str, path: Path, seconds: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(owner))
    return age(path, seconds)


def test_a_claim_holds_who_made_it_and_goes_when_released(tmp_path: Path) -> None:
    with WorkClaims(tmp_path / "claims") as claims:
        assert claims.take("v_1")
        assert Owner.parse((tmp_path / "claims" / "v_1").read_text()) == this_process()
        assert owners(tmp_path / "claims") == {this_process()}
        assert not claims.take("v_1")
        claims.release("v_1")
        assert list((tmp_path / "claims").iterdir()) == []
        assert claims.take("v_1")
    assert list((tmp_path / "claims").iterdir()) == []


def claim_and_fail(folder: Path) -> None:
    with WorkClaims(folder) as claims:
        claims.take("v_1")
        raise RuntimeError("stop")


def test_claims_go_when_the_work_ends_with_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"):
        claim_and_fail(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_claim_of_a_living_process_stands(tmp_path: Path) -> None:
    claim_of(ELSEWHERE, tmp_path / "v_1", seconds=100)
    with WorkClaims(tmp_path) as claims:
        assert not claims.take("v_1")
        assert claims.claimed_by_others() == ["v_1"]
    assert (tmp_path / "v_1").read_text() == str(ELSEWHERE)


def test_the_claim_of_a_dead_process_is_taken_over_at_once(tmp_path: Path) -> None:
    claim_of(dead_owner(), tmp_path / "v_1")
    with WorkClaims(tmp_path) as claims:
        assert claims.take("v_1")
        assert names(tmp_path) == ["v_1"]


@pytest.mark.parametrize("owner", [ELSEWHERE, "", "no owner"])
def test_the_claim_of_a_silent_process_is_taken_over_after_the_limit(tmp_path: Path, owner: Owner | str) -> None:
    claim_of(owner, tmp_path / "v_1", seconds=100)
    with WorkClaims(tmp_path, stale_sec=130) as claims:
        assert not claims.take("v_1")
    with WorkClaims(tmp_path, stale_sec=70) as claims:
        assert claims.take("v_1")


def test_claims_of_dead_processes_are_cleared_away(tmp_path: Path) -> None:
    claim_of(dead_owner(), tmp_path / "dead")
    claim_of(ELSEWHERE, tmp_path / "alive")
    with WorkClaims(tmp_path) as claims:
        claims.take("own")
        assert claims.claimed_by_others() == ["alive"]
        assert names(tmp_path) == ["alive", "own"]


def test_claims_are_touched_as_long_as_the_work_lasts(tmp_path: Path) -> None:
    with WorkClaims(tmp_path, stale_sec=0.06) as claims:
        claims.take("v_1")
        age(tmp_path / "v_1", 1000)
        deadline = time.monotonic() + 60
        while time.time() - (tmp_path / "v_1").stat().st_mtime > 100 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert time.time() - (tmp_path / "v_1").stat().st_mtime < 100
        # What another process has taken over is not touched, nor removed in the end.
        claim_of(ELSEWHERE, tmp_path / "v_1", seconds=1000)
        time.sleep(0.05)
    assert time.time() - (tmp_path / "v_1").stat().st_mtime > 900
    assert threading.active_count() == 1 or not any(one.name == "claims" for one in threading.enumerate())


def _take_over(folder: Path, start: object, wins: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    with WorkClaims(folder) as claims:
        if claims.take("v_1"):
            wins.put(os.getpid())  # type: ignore[attr-defined]
            time.sleep(0.3)


@pytest.mark.slow
def test_of_many_processes_one_takes_over(tmp_path: Path) -> None:
    claim_of(dead_owner(), tmp_path / "v_1")
    start, wins = FORK.Event(), FORK.Queue()
    processes = [FORK.Process(target=_take_over, args=(tmp_path, start, wins)) for _ in range(6)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join()
    assert wins.get(timeout=60)
    assert wins.empty()
    assert names(tmp_path) == []


def test_a_process_that_comes_late_puts_back_what_another_has_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = claim_of(dead_owner(), tmp_path / "v_1")
    rename = Path.rename

    def be_overtaken(self: Path, target: Path) -> Path:
        claim_of(ELSEWHERE, path)  # after this process has found the claim to be a dead one's
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", be_overtaken)
    assert not acquire(path)
    assert path.read_text() == str(ELSEWHERE)
    assert names(tmp_path) == ["v_1"]


def test_a_claim_that_another_process_moves_first_may_still_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = claim_of(dead_owner(), tmp_path / "v_1")

    def be_overtaken(self: Path, target: Path) -> Path:
        self.unlink()
        raise FileNotFoundError(target)

    monkeypatch.setattr(Path, "rename", be_overtaken)
    assert acquire(path)
    assert path.read_text() == str(this_process())


def test_an_exclusive_part_is_for_one_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with exclusive(lock) as is_ours:
        assert is_ours
        with exclusive(lock) as is_ours_too:
            assert not is_ours_too
        assert lock.exists()
    assert not lock.exists()
    claim_of(dead_owner(), lock)
    with exclusive(lock) as is_ours:
        assert is_ours
    claim_of(ELSEWHERE, lock, seconds=500)
    with exclusive(lock) as is_ours:
        assert not is_ours
    age(lock, 700)
    with exclusive(lock) as is_ours:
        assert is_ours
    release(lock)
    assert names(tmp_path) == []


def test_partial_files_of_dead_processes_are_removed_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def partial(owner: Owner) -> Path:
        with monkeypatch.context() as patch:
            patch.setattr("aher_lightning.files.owners.this_process", lambda: owner)
            return partial_path(tmp_path / "a")

    silent = ELSEWHERE._replace(pid=2)
    working = ELSEWHERE._replace(pid=3)
    own = partial(this_process())
    recent = partial(ELSEWHERE)
    kept = [own, recent, tmp_path / "a.npy", age_new(partial(working), 5000), tmp_path / ".new.tmp"]
    gone = [partial(dead_owner()), age_new(partial(silent), 5000), age_new(tmp_path / ".old.tmp", 5000)]
    for path in [own, recent, tmp_path / "a.npy", tmp_path / ".new.tmp", gone[0]]:
        path.touch()
    remove_orphans(tmp_path, {working})
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    remove_orphans(tmp_path / "none", set())


def age_new(path: Path, seconds: float) -> Path:
    path.touch()
    return age(path, seconds)


def test_what_cannot_be_claimed_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with WorkClaims(tmp_path / "file") as claims:
        with pytest.raises(DataError, match=r"v_1: cannot be written .*; choose another place"):
            claims.take("v_1")
        with pytest.raises(DataError, match="is no plain file name"):
            claims.take("../v_1")
    assert work_claims.owners(tmp_path / "none") == set()
