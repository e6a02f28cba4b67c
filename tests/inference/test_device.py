from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.inference.device import choose_device


def test_a_device_is_chosen_by_name_or_by_what_there_is() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:99", "meta", "cpu;rm"])
def test_what_cannot_be_used_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(
        ConfigError,
        match=r"(unknown device .*; give cpu, cuda, cuda:1|cannot be used here \(.*\); give cpu or auto)",
    ) as caught:
        choose_device(name)
    assert "\n" not in str(caught.value)
