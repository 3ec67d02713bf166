"""Means over a batch that several processes share: each divides by what all of them count together.

With W processes, DDP takes the mean of their gradients. A loss N / D, whose N and D are sums over the whole batch, is
the mean of l_r = W N_r / max(D, 1) over the processes r: N_r is the part of N in r, D the sum of all parts. So one
process with a batch and several with a share of it learn the same, and the mean of what they log is the loss of the
batch. A mean over images needs none of this: all processes have equally many.
"""

from __future__ import annotations

import torch

from wsss_core.runtime import ranks


def mean(totals: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """This process's part of the mean over the whole batch: the mean itself where there is one process.

    Args:
        totals: sums over its own part; any shape.
        counts: of what was summed, of the same shape; they get no gradient.

    Returns:
        of the same shape; 0 (with a graph) where nothing was counted, however many processes there are.
    """
    return ranks.count() * totals / ranks.summed(counts).clamp(min=1)
