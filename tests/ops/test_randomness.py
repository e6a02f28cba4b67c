from __future__ import annotations

import subprocess
import sys

import numpy as np
import torch

from aher_lightning.ops.randomness import key_seed, random_generator


def test_seeds_are_stable_for_ever() -> None:
    assert key_seed() == 1665333220245342802
    assert key_seed(0, 7, "moments") == 7890695046748699422
    assert 0 <= key_seed("anything") < 2**63


def test_seeds_differ_by_value_type_order_and_grouping() -> None:
    keys: list[tuple[int | str, ...]] = [
        (1, 2),
        (2, 1),
        (12,),
        ("1", 2),
        (1, "2"),
        ("12",),
        ("1, 2",),
        (1, 2, 0),
        (-1, 2),
    ]
    assert len({key_seed(*key) for key in keys}) == len(keys)


def test_numpy_and_bool_integers_mean_the_same_as_plain_ones() -> None:
    assert key_seed(np.int64(3), "a") == key_seed(3, "a")
    assert key_seed(True) == key_seed(1)


def test_seeds_do_not_depend_on_the_process() -> None:
    code = "from aher_lightning.ops.randomness import key_seed; import sys; sys.stdout.write(str(key_seed(3, 'x')))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert int(answer.stdout) == key_seed(3, "x")


def test_generators_start_afresh_and_leave_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    first, second = (torch.rand(5, generator=random_generator(1, "a")) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, torch.rand(5, generator=random_generator(2, "a")))
    assert torch.equal(torch.get_rng_state(), before)
