"""Which parameters a loss reaches, read off its autograd graph."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


def reached_parameters(loss: Tensor, parameters: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    """Return the parameters that get a gradient from a loss; nothing is computed.

    Args:
        loss: The loss, with its graph.
        parameters: Candidates.

    Returns:
        Leaves of the graph, in the given order.

    Example:
        >>> import torch
        >>> used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
        >>> [one is used for one in reached_parameters((2 * used).sum(), [used, unused])]
        [True]
    """
    found: set[int] = set()
    seen = {loss.grad_fn}
    waiting = [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None:  # an input without gradient
            continue
        variable = getattr(node, "variable", None)  # set on AccumulateGrad nodes
        if variable is not None:
            found.add(id(variable))
        following = {after for after, _ in node.next_functions} - seen
        seen |= following
        waiting += following
    return [parameter for parameter in parameters if id(parameter) in found]
