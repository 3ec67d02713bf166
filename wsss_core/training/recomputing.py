"""Less memory for a training, more time: what a backward pass needs is not kept but computed again.

Chen et al., *Training Deep Nets with Sublinear Memory Cost*, 2016. Losses and gradients stay what they are: dropout
draws the same numbers again, and batch norms that train count a batch once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

Outputs = dict[str, torch.Tensor]


def spare_memory(network: nn.Module, *, accumulate: int, activation_checkpointing: bool) -> None:
    """Have a network train with less memory, in place; its weights and their names stay.

    Args:
        network: called as network(images, **options), gives a dict of tensors whose first axis is the batch's.
        accumulate: in so many parts goes each batch through the network, and what one of them needs is in memory at a
            time. What the network returns is of the whole batch: so are all normalisers of losses, the labels that a
            step makes and the centres that it moves. DEVIATION: batch norms that train see a part, as they see a
            process's share.
        activation_checkpointing: keep of each block of the backbone its input alone.

    Raises:
        ValueError: the backbone has no blocks, for `activation_checkpointing`.
    """
    if activation_checkpointing:
        for block in network.backbone.blocks():  # type: ignore[operator,union-attr]
            block.forward = partial(_again, block, block.forward)
    if accumulate > 1:
        network.forward = partial(_in_parts, network, network.forward, accumulate)


def _in_parts(
    network: nn.Module, forward: Callable[..., Outputs], count: int, images: torch.Tensor, **options: Any
) -> Outputs:
    """The outputs of a batch that goes through the network in parts, in the order of the images.

    A part is every count-th image, so that each has its share of both sets where two are joined in one batch. The last
    part's backward pass is the first: what it needs is kept.
    """
    *others, last = [images[first::count] for first in range(min(count, len(images)))]
    made = [_again(network, forward, part, **options) for part in others] + [forward(last, **options)]
    return {name: _interleaved([outputs[name] for outputs in made]) for name in made[0]}


def _interleaved(parts: list[torch.Tensor]) -> torch.Tensor:
    """Row i of all is row i // n of part i % n of n."""
    rows = [part.unbind() for part in parts]
    return torch.stack([rows[i % len(rows)][i // len(rows)] for i in range(sum(map(len, rows)))])


def _again(module: nn.Module, forward: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
    """What `forward` of the module gives, of which the backward pass computes the inside again."""
    if not torch.is_grad_enabled():
        return forward(*inputs, **options)

    def compute(*tensors: torch.Tensor) -> Any:
        """From lists of its own each time: HRNet's modules put their results into the list that they are given."""
        rest = iter(tensors)
        return forward(*[[next(rest) for _ in each] if isinstance(each, list) else next(rest) for each in inputs],
                       **options)  # fmt: skip

    flat = [tensor for each in inputs for tensor in (each if isinstance(each, list) else [each])]
    return checkpoint(compute, *flat, use_reentrant=False, context_fn=partial(_contexts, module))


def _contexts(module: nn.Module) -> tuple[AbstractContextManager, AbstractContextManager]:
    """Those of the first pass and of the second."""
    return nullcontext(), _statistics_kept(module)


@contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Batch norms normalise as they do, and leave their running statistics as these are."""
    norms: list[Any] = [layer for layer in module.modules() if isinstance(layer, _BatchNorm) and layer.training]
    before = [(norm, norm.momentum, norm.num_batches_tracked.clone()) for norm in norms if norm.track_running_stats]
    try:
        for norm, _, _ in before:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum, counted in before:
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(counted)
