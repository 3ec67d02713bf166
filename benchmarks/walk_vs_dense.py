"""The random walk by Chebyshev-accelerated sparse products against squaring the dense transition matrix."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks import photographs
from benchmarks.measure import Floor, Row, compare
from wsss_core.ops import pairs, random_walk
from wsss_core.ops.grids import grid_size
from wsss_core.ops.random_walk import Transition

HEIGHT, WIDTH = grid_size((photographs.HEIGHT, photographs.WIDTH), stride=8)
RADIUS, BETA, LOG2_STEPS = 5, 8.0, 8
CHANNELS = (3, 21)


def rows(device: torch.device) -> list[Row]:
    return [_row(channels, device) for channels in CHANNELS]


def features(height: int, width: int, *, seed: int = 0, device: torch.device) -> torch.Tensor:
    """(32, h, w): alike and different, smooth as a network's are."""
    coarse = torch.from_numpy(np.random.default_rng(seed).normal(size=(1, 32, 12, 16)).astype(np.float32))
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")[0].to(device)


def transition(of: torch.Tensor, *, radius: int = RADIUS) -> Transition:
    """The walk by the affinities of (..., 32, h, w) features: between "all alike" and "all different"."""
    height, width = of.shape[-2:]
    links = pairs.affinities(of, radius=radius)
    return random_walk.transition_matrix(links, height=height, width=width, beta=BETA)


def _row(channels: int, device: torch.device) -> Row:
    walk = transition(features(HEIGHT, WIDTH, device=device))
    scores = torch.rand(channels, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0)).to(device)
    matrix = walk.sums @ torch.eye(HEIGHT * WIDTH, device=device)

    def ours() -> torch.Tensor:
        return random_walk.propagate(scores, walk, log2_steps=LOG2_STEPS)

    def dense() -> torch.Tensor:
        return squared(matrix, scores)

    error = float((ours() - dense()).abs().max() / scores.abs().max())
    products = len(random_walk.chebyshev_coefficients(2**LOG2_STEPS)) - 1
    return compare(
        "walk_vs_dense",
        ours,
        dense,
        agreement=f"max|d|/max|m| = {error:.1e}",
        size=f"{HEIGHT}x{WIDTH} grid, radius {RADIUS}, {2**LOG2_STEPS} steps, {channels} channels",
        # The matrix and the maps stay in the cache, so arithmetic is the bound.
        floor=Floor(gigaflops=2 * products * len(walk.sums.rows) * channels / 1e9),
        device=device,
    )


def squared(power: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """T^256 m by eight squarings of the dense matrix, as the reference code does it."""
    for _ in range(LOG2_STEPS):
        power = power @ power
    return (power @ scores.reshape(len(scores), -1).T).T.reshape(scores.shape)
