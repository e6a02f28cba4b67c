"""Memory that a forward pass keeps for the backward pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


class KeptActivations:
    """Memory of the tensors that were kept for gradients, each storage once.

    Attributes:
        sizes: Bytes of each storage, by its address.
    """

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}

    @property
    def total(self) -> int:
        """Bytes of all of them."""
        return sum(self.sizes.values())


@contextmanager
def count_kept(known: Iterable[Tensor] = ()) -> Iterator[KeptActivations]:
    """Count what forward passes within the context keep for their backward passes.

    Keep the results alive until the context ends: freed memory may be counted again at the same address. Activation
    checkpointing counts as what it keeps.

    Args:
        known: Tensors that are counted elsewhere, such as parameters and the batch.

    Yields:
        The count, complete once the context is left.

    Example:
        >>> import torch
        >>> numbers = torch.zeros(10, requires_grad=True)
        >>> with count_kept([numbers]) as kept:
        ...     result = numbers.exp().sum()  # keeps its result, 10 numbers of 4 bytes
        >>> kept.total
        40
    """
    addresses = {tensor.untyped_storage().data_ptr() for tensor in known}
    kept = KeptActivations()

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in addresses:
            kept.sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        yield kept
