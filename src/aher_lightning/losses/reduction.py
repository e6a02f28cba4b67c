"""Means over the whole training batch, also where several processes share it.

Averaging the gradients of processes equals one process with the whole batch only if all divide by the
common count of whatever a loss averages over. Without gradients (evaluation) processes may hold different
numbers of batches, and nothing is exchanged.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed


def mean_over_processes(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean of the values where a mask is True; 0, with a gradient of 0, where it nowhere is.

    In distributed training the sum is divided by the mean count of all processes; the average over processes is then
    the mean over the whole batch.

    Args:
        values: Any shape.
        mask: Bool, the shape of the values; ``None`` for all of them.

    Returns:
        Scalar.

    Example:
        >>> mean_over_processes(torch.tensor([1.0, 2.0, 9.0]), torch.tensor([True, True, False]))
        tensor(1.5000)
    """
    mask = torch.ones_like(values, dtype=torch.bool) if mask is None else mask
    count = sum_over_processes(mask.sum()).clamp(min=1) / num_processes()
    return values.where(mask, 0).sum() / count


def num_processes() -> int:
    """Return how many processes share the training batch.

    Returns:
        1 outside of distributed training, and without gradients.

    Example:
        >>> num_processes()
        1
    """
    is_shared = distributed.is_available() and distributed.is_initialized() and torch.is_grad_enabled()
    return distributed.get_world_size() if is_shared else 1


def sum_over_processes(count: Tensor) -> Tensor:
    """Return the sum of a count over the processes that share the training batch.

    Args:
        count: Without gradient, any shape.

    Returns:
        The sum, of the same shape.

    Example:
        >>> sum_over_processes(torch.tensor(3))
        tensor(3)
    """
    if num_processes() == 1:
        return count
    total = count.clone()
    distributed.all_reduce(total)
    return total


def gather_from_processes(rows: Tensor) -> tuple[Tensor, slice]:
    """Return the rows of the whole training batch, in the order of the processes, and where one's own are.

    Args:
        rows: Rows of this process, without gradient, the same shape on all, ``(B, ...)``.

    Returns:
        All rows ``(processes * B, ...)``, and the slice that selects the given ones.

    Example:
        >>> gather_from_processes(torch.tensor([1, 2]))
        (tensor([1, 2]), slice(0, 2, None))
    """
    if num_processes() == 1:
        return rows, slice(0, len(rows))
    parts = [torch.empty_like(rows) for _ in range(num_processes())]
    distributed.all_gather(parts, rows.contiguous())
    first = distributed.get_rank() * len(rows)
    return torch.cat(parts), slice(first, first + len(rows))
