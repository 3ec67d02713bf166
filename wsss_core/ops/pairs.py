"""Pairs of neighbouring grid cells, as shifted views: no index table, no gathered copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import torch

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

    Ahn & Kwak, CVPR 2018, eq. 3, with the mean of the released code (the paper sums).
    DEVIATION: the complete in-bounds graph; the released index table starves cells near the border.
    """
    features = features.float()
    for offset in offsets(radius):
        sources, neighbours = shifted(features, offset)
        yield offset, torch.exp(-(sources - neighbours).abs().mean(dim=-3))
