"""A device that only seems to be another one: what a GPU would refuse is refused, on any machine.

Tensors on it are ordinary ones in disguise. Whatever mixes them with tensors of the processor fails, as on a GPU, where
the same code would fail for users and never here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

OTHER_DEVICE = torch.device("meta")
"""What the device is called: torch knows the name on every machine, and nothing can be computed there by mistake."""

_COPIES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
_INDEXING = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default, torch.ops.aten.index_put.default}


class FarTensor(Tensor):
    """A tensor that claims to be on the other device.

    Args:
        near: What it really is.
    """

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> FarTensor:
        far: FarTensor = Tensor._make_wrapper_subclass(
            cls,
            near.shape,
            dtype=near.dtype,
            device=OTHER_DEVICE,
            requires_grad=near.requires_grad,
            strides=near.stride(),
            storage_offset=near.storage_offset(),
        )
        return far

    def __init__(self, near: Tensor) -> None:
        self.near = near

    def tolist(self) -> Any:
        """Python values, which may come from any device."""
        return self.near.tolist()

    def numpy(self, **_: Any) -> Any:
        """Refuse, as a GPU does."""
        raise TypeError("can't convert a tensor of the other device to numpy; use Tensor.cpu() first")

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(operator, args, kwargs or {})


@contextmanager
def other_device() -> Iterator[torch.device]:
    """While it is entered, tensors can be made on, and moved to, the other device, which it gives."""
    with _Operators(), _Constructors():  # type: ignore[no-untyped-call]
        yield OTHER_DEVICE


class _Constructors(TorchFunctionMode):
    """Makes tensors of Python values where they can be made, and moves them."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if function in {torch.tensor, torch.as_tensor} and options.get("device") is not None:
            device = options.pop("device")
            return function(*args, **options).to(device)
        if function is Tensor.new_tensor:
            return function(args[0].cpu(), *args[1:], **options).to(args[0].device)
        return function(*args, **options)


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Gets all operators to see."""

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(operator, args, kwargs or {})


def _run(operator: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Run an operator on the processor, if a GPU would run it."""
    tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
    far = [value for value in tensors if isinstance(value, FarTensor)]
    # Numbers may come from anywhere, as may the places that an index names.
    near = [value for value in tensors if not isinstance(value, FarTensor) and value.ndim > 0]
    is_index = operator in _INDEXING and isinstance(args[0], FarTensor)
    if far and near and operator not in _COPIES and not is_index:
        raise RuntimeError(f"{operator}: expected all tensors to be on the same device")
    device = kwargs.get("device")
    here = {**kwargs, "device": torch.device("cpu")} if device is not None else kwargs
    result = operator(*tree_map(_bring, args), **tree_map(_bring, here))
    if not (far if device is None else torch.device(device) == OTHER_DEVICE):
        return result
    known = {id(value.near): value for value in far}  # operators in place return what they were given
    return tree_map(lambda value: known.get(id(value), _send(value)), result)


def _bring(value: Any) -> Any:
    return value.near if isinstance(value, FarTensor) else value


def _send(value: Any) -> Any:
    return FarTensor(value) if isinstance(value, Tensor) else value
