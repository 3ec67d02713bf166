"""The random walk by Chebyshev-accelerated sparse products against squaring the dense transition matrix."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from benchmarks.measure import Row, compare
from wsss_core.ops import pairs, random_walk

HEIGHT, WIDTH = 47, 63  # the stride 8 grid of a 375x500 photograph
RADIUS, BETA, LOG2_STEPS = 5, 8.0, 8
CHANNELS = (3, 21)


def rows() -> list[Row]:
    return [_row(channels) for channels in CHANNELS]


def _row(channels: int) -> Row:
    rng = np.random.default_rng(0)
    # Values between "all alike" and "all different", smooth as a network's features are.
    features = torch.nn.functional.interpolate(
        torch.from_numpy(rng.normal(size=(1, 32, 12, 16)).astype(np.float32)), size=(HEIGHT, WIDTH), mode="bilinear"
    )[0]
    links = [(offset, w.numpy()) for offset, w in pairs.affinities(features, radius=RADIUS)]
    scores = rng.random((channels, HEIGHT, WIDTH), dtype=np.float32)
    walk = random_walk.transition_matrix(links, height=HEIGHT, width=WIDTH, beta=BETA)

    def ours() -> np.ndarray:
        return random_walk.propagate(scores, walk, log2_steps=LOG2_STEPS)

    def dense() -> np.ndarray:
        return _squared(walk, scores)

    error = float(np.abs(ours() - dense()).max() / np.abs(scores).max())
    return compare(
        "walk_vs_dense",
        ours,
        dense,
        agreement=f"max|d|/max|m| = {error:.1e}",
        size=f"{HEIGHT}x{WIDTH} grid, radius {RADIUS}, {2**LOG2_STEPS} steps, {channels} channels",
        device=f"cpu, {torch.get_num_threads()} threads",
    )


def _squared(walk: sparse.csr_array, scores: np.ndarray) -> np.ndarray:
    """T^256 m by eight squarings of the dense matrix, as the reference code does it."""
    power = torch.from_numpy(walk.toarray())
    for _ in range(LOG2_STEPS):
        power = power @ power
    return (power @ torch.from_numpy(scores.reshape(len(scores), -1).T)).T.reshape(scores.shape).numpy()
