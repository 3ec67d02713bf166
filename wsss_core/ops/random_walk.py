"""Random walk on a grid: sparse transition matrix, many steps, never a dense matrix.

T = D^-1 A with A = W^beta and unit self-loops; after t steps each output is an average of inputs, T^t m.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np
import torch

from wsss_core.ops.pairs import shifted
from wsss_core.ops.weighted_sums import WeightedSums

TRUNCATION = 1e-7
"""Chebyshev terms below this share of the sum are dropped: exact to float32."""

NEGLIGIBLE = 1e-30
"""Affinities below this are 0: beside the self-loop's 1 they say nothing, and denormal numbers are slow."""


@dataclass(frozen=True)
class Transition:
    """The row-stochastic (B N, B N) transition matrix of B grids of N = height * width cells, which share no link."""

    sums: WeightedSums
    num_grids: int
    height: int
    width: int


def transition_matrix(
    affinities: Iterable[tuple[tuple[int, int], torch.Tensor]], *, height: int, width: int, beta: float
) -> Transition:
    """The transition matrix of height x width grids, float32, on the affinities' device.

    Args:
        affinities: (offset, W) with W (..., height - dy, width - |dx|) in [0, 1], as `pairs.affinities` yields;
            leading axes are grids of their own.
        beta: exponent of the affinities; larger = sharper boundaries. The self-loops stay 1.

    Raises:
        ValueError: an affinity map is not of its offset's shape.

    Ahn & Kwak, CVPR 2018, sec. 3.3; every row sums to 1. Memory is that of B N (2 offsets + 1) terms.

    >>> right = torch.tensor([[1.0, 0.5]])  # of 1 x 3 cells: how alike each is to the one on its right
    >>> walk = transition_matrix([((0, 1), right)], height=1, width=3, beta=1)
    >>> propagate(torch.eye(3).view(3, 1, 3), walk, log2_steps=0)[:, 0].T  # one step: the matrix itself
    tensor([[0.5000, 0.5000, 0.0000],
            [0.4000, 0.4000, 0.2000],
            [0.0000, 0.3333, 0.6667]])
    """
    links = [(offset, affinity) for offset, affinity in affinities]
    first = links[0][1] if links else torch.ones(0, 0)
    grids = first.shape[:-2]
    cells = torch.arange(height * width, dtype=torch.int32, device=first.device).view(height, width)
    weights = torch.zeros(2 * len(links) + 1, *grids, height, width, device=first.device)
    rows = cells.expand(2 * len(links) + 1, height, width).clone()  # where there is no neighbour: itself, weight 0
    weights[-1] = 1
    for k, (offset, affinity) in enumerate(links):
        source, neighbour = shifted(cells, offset)
        if affinity.shape != (*grids, *source.shape):
            given, pairs = tuple(affinity.shape), tuple(source.shape)
            raise ValueError(f"affinities of offset {offset} are {given}, the grid's pairs are {pairs}")
        weight = affinity.float().pow(beta)
        weight[weight < NEGLIGIBLE] = 0
        for term, here, there in ((2 * k, 0, 1), (2 * k + 1, 1, 0)):
            shifted(weights[term], offset)[here].copy_(weight)
            shifted(rows[term], offset)[here].copy_((source, neighbour)[there])
    weights /= weights.sum(dim=0)
    return _chained(rows, weights)


def _chained(rows: torch.Tensor, weights: torch.Tensor) -> Transition:
    """From (terms, h, w) rows and (terms, ..., h, w) weights."""
    terms, height, width = rows.shape
    num_cells = height * width
    by_cell = weights.reshape(terms, -1, num_cells).permute(1, 2, 0)                       # (B, N, terms)
    num_grids = len(by_cell)
    first = torch.arange(0, num_grids * num_cells, num_cells, dtype=torch.int32, device=rows.device)
    neighbours = rows.reshape(terms, num_cells).T + first[:, None, None]
    sums = WeightedSums.even(neighbours.reshape(-1, terms), by_cell.reshape(-1, terms))
    return Transition(sums, num_grids, height, width)


def propagate(scores: torch.Tensor, transition: Transition, *, log2_steps: int) -> torch.Tensor:
    """Scores after 2**log2_steps steps of the walk: T^t m for each channel.

    Args:
        scores: (..., K, h, w) float, on the transition's device; leading axes are its grids.
        transition: of `transition_matrix`.
        log2_steps: the walk takes 2**log2_steps steps (8: the paper's 256).

    Returns:
        float32 of the scores' shape; a channel's values stay within its own range, a constant channel stays constant.

    Raises:
        ValueError: the scores are of other grids than the transition matrix.

    x^t = sum_k c_k T_k(x) over Chebyshev polynomials T_k with k of t's parity: about 80 sparse products stand for
    256, and the recurrence is stable because T is similar to a symmetric matrix with spectrum in [-1, 1].

    >>> walk = transition_matrix([((0, 1), torch.tensor([[1.0, 0.0]]))], height=1, width=3, beta=8)
    >>> propagate(torch.tensor([[[1.0, 0.0, 0.0]]]), walk, log2_steps=8)  # it spreads as far as cells are alike
    tensor([[[0.5000, 0.5000, 0.0000]]])
    """
    num_channels, height, width = scores.shape[-3:]
    grids = scores.reshape(-1, num_channels, height, width).float()
    expected = (transition.num_grids, transition.height, transition.width)
    if (len(grids), height, width) != expected:
        given = "x".join(map(str, (len(grids), height, width)))
        raise ValueError(f"scores are of {given} cells, the transition matrix of {'x'.join(map(str, expected))}")
    flat = grids.permute(0, 2, 3, 1).reshape(-1, num_channels).contiguous()                # (B N, K)
    walked = _power(transition.sums, flat, steps=2**log2_steps).view(len(grids), height, width, num_channels)
    # Rounding may overshoot the maximum principle by 1e-7.
    low, high = grids.amin(dim=(2, 3), keepdim=True), grids.amax(dim=(2, 3), keepdim=True)
    return walked.permute(0, 3, 1, 2).clamp(low, high).reshape(scores.shape)


def _power(matrix: WeightedSums, values: torch.Tensor, *, steps: int) -> torch.Tensor:
    coefficients = chebyshev_coefficients(steps).tolist()
    previous, current = values, matrix @ values                                            # T_0 m, T_1 m
    result = coefficients[0] * previous
    if len(coefficients) > 1:
        result.add_(current, alpha=coefficients[1])
    for coefficient in coefficients[2:]:
        previous, current = current, torch.sub(2 * (matrix @ current), previous)
        if coefficient:
            result.add_(current, alpha=coefficient)
    return result


@cache
def chebyshev_coefficients(steps: int) -> np.ndarray:
    """c_k of x^steps = sum_k c_k T_k(x), float32, without the tail whose sum is below TRUNCATION.

    c_k = 2 C(t, (t - k) / 2) / 2^t for k of t's parity, half of that for k = 0; they sum to 1.
    """
    exact = [0.0] * (steps + 1)
    for k in range(steps % 2, steps + 1, 2):
        exact[k] = (1 if k == 0 else 2) * comb(steps, (steps - k) // 2) / 2**steps
    kept = np.asarray(exact)
    tail = np.cumsum(kept[::-1])[::-1]
    kept = kept[: max(1, int(np.count_nonzero(tail > TRUNCATION)))].astype(np.float32)
    kept.flags.writeable = False  # one array serves every image
    return kept
