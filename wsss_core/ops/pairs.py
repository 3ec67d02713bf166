"""Pairs of neighbouring grid cells, as shifted views: no index table, no gathered copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import torch
from torch.autograd.function import once_differentiable

Grid = TypeVar("Grid", torch.Tensor, np.ndarray)


def offsets(radius: int) -> list[tuple[int, int]]:
    """The half-plane of (dy, dx) with dy^2 + dx^2 < radius^2: each unordered pair once, never (0, 0).

    First (0, 1..r-1), then rows dy = 1..r-1 with dx ascending; 34 offsets at radius 5, 152 at radius 10
    (Ahn & Kwak 2018, released code).
    """
    found = [(0, dx) for dx in range(1, radius)]
    for dy in range(1, radius):
        found += [(dy, dx) for dx in range(1 - radius, radius) if dy * dy + dx * dx < radius * radius]
    return found


def shifted(grid: Grid, offset: tuple[int, int]) -> tuple[Grid, Grid]:
    """Two views of (..., h, w): the cells that have an in-bounds neighbour at `offset`, and that neighbour."""
    dy, dx = offset
    height, width = grid.shape[-2:]
    rows, columns = max(0, height - dy), max(0, width - abs(dx))
    left, right = max(0, -dx), max(0, dx)
    sources = grid[..., :rows, left:left + columns]
    neighbours = grid[..., dy:dy + rows, right:right + columns]
    return sources, neighbours


def affinities(features: torch.Tensor, *, radius: int) -> Iterator[tuple[tuple[int, int], torch.Tensor]]:
    """Yield (offset, W): W = exp(-mean_d |f_i - f_j|) in (0, 1] of every in-bounds pair of that offset.

    Args:
        features: (..., D, h, w) float.
        radius: pairs closer than this, in cells.

    Yields:
        the offset and its (..., h - dy, w - |dx|) affinities, computed in float32 (bf16 would round W near 1).

    Ahn & Kwak, CVPR 2018, sec. 3.2, with the mean of the released code (the paper sums).
    DEVIATION: the complete in-bounds graph; the released index table starves cells near the border.

    >>> features = torch.tensor([[[0.0, 0.0, 2.0]]])  # one channel; 1 x 3 cells, of which the last differs
    >>> dict(affinities(features, radius=2))[0, 1]  # of each cell with the one on its right
    tensor([[1.0000, 0.1353]])
    """
    for offset, distance in zip(offsets(radius), _MeanDistances.apply(features.float(), radius), strict=True):
        yield offset, torch.exp(-distance)


class _MeanDistances(torch.autograd.Function):
    """mean_d |f_i - f_j| of every offset, keeping the features alone for the backward pass.

    Autograd would keep a difference as large as the features for each of the 34 offsets, and walk through each
    several times; here both passes touch one difference at a time.
    """

    @staticmethod
    def forward(ctx, features: torch.Tensor, radius: int) -> tuple[torch.Tensor, ...]:
        """One (..., h - dy, w - |dx|) map of mean distances for each of `offsets(radius)`."""
        ctx.save_for_backward(features)
        ctx.radius = radius
        return tuple(_difference(features, offset).abs_().mean(dim=-3) for offset in offsets(radius))

    @staticmethod
    @once_differentiable
    def backward(ctx, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        """(..., D, h, w): each offset's gradient / D times sign(f_i - f_j), added at i and taken off at j."""
        (features,) = ctx.saved_tensors
        total = torch.zeros_like(features)
        for offset, gradient in zip(offsets(ctx.radius), gradients, strict=True):
            share = _difference(features, offset).sign_().mul_(gradient.unsqueeze(-3) / features.shape[-3])
            at_source, at_neighbour = shifted(total, offset)
            at_source += share
            at_neighbour -= share
        return total, None


def _difference(features: torch.Tensor, offset: tuple[int, int]) -> torch.Tensor:
    sources, neighbours = shifted(features, offset)
    return sources - neighbours
