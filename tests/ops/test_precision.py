from __future__ import annotations

import pytest
import torch
from torch import nn

from aher_lightning.ops.precision import fresh_casts, to_float16, to_float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_becomes_single_precision(dtype: torch.dtype) -> None:
    values = torch.tensor([0.5, -3.0], dtype=dtype, requires_grad=True)
    wide = to_float32(values)
    assert wide.dtype == torch.float32
    assert wide.tolist() == [0.5, -3.0]
    torch.autograd.backward(wide.sum())
    assert values.grad is not None
    assert values.grad.dtype == dtype


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool])
def test_other_types_stay_the_same_tensor(dtype: torch.dtype) -> None:
    values = torch.zeros(0, 2, dtype=dtype)
    assert to_float32(values) is values


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_what_half_precision_cannot_hold_is_cut_off(dtype: torch.dtype) -> None:
    half = to_float16(torch.tensor([65504.0, 1e30, -torch.inf, torch.nan, 0.25], dtype=dtype))
    assert half.dtype == torch.float16
    assert half.tolist()[:3] == [65504.0, 65504.0, -65504.0]
    assert half[3].isnan()
    assert half[4] == 0.25


def test_a_weight_that_changed_is_cast_anew() -> None:
    layer, values = nn.Linear(2, 2), torch.ones(1, 2)

    def change() -> bool:
        """Whether a change of the weight is seen within one autocast region."""
        before = layer(values)
        with torch.no_grad():
            layer.weight.add_(1.0)
        return not torch.equal(before, layer(values))

    with torch.autocast("cpu", torch.bfloat16):
        assert not change()  # the trap
        with fresh_casts():
            assert change()
        assert torch.is_autocast_cache_enabled()


def test_the_cache_is_enabled_again_after_an_error() -> None:
    with pytest.raises(KeyError), fresh_casts():
        raise KeyError
    assert torch.is_autocast_cache_enabled()
