"""Which parameters an output depends on."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def parameters_behind(outputs: Sequence[torch.Tensor]) -> set[torch.Tensor]:
    """The trainable parameters that `outputs` depend on, found in their autograd graphs."""
    parameters, seen = set(), set()
    nodes = [output.grad_fn for output in outputs]
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):  # the leaf of the graph that holds a parameter
            parameters.add(node.variable)
        nodes.extend(following for following, _ in node.next_functions)
    return parameters
