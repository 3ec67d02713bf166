"""Random walk on a grid: sparse transition matrix, many steps, never a dense matrix.

T = D^-1 A with A = W^beta and unit self-loops; after t steps each output is an average of inputs, T^t m.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import comb

import numpy as np
from scipy import sparse

from wsss_core.ops.pairs import shifted

TRUNCATION = 1e-7
"""Chebyshev terms below this share of the sum are dropped: exact to float32."""


def transition_matrix(
    affinities: Iterable[tuple[tuple[int, int], np.ndarray]], *, height: int, width: int, beta: float
) -> sparse.csr_array:
    """The (N, N) row-stochastic transition matrix of a height x width grid, N = height * width, float32 CSR.

    Args:
        affinities: (offset, W) with W (height - dy, width - |dx|) in [0, 1], as `pairs.affinities` yields.
        beta: exponent of the affinities; larger = sharper boundaries. The self-loops stay 1.

    Ahn & Kwak, CVPR 2018, eq. 4; every row sums to 1.
    """
    cells = np.arange(height * width, dtype=np.int32).reshape(height, width)
    rows, columns, values = [cells.ravel()], [cells.ravel()], [np.ones(cells.size, dtype=np.float32)]
    for offset, affinity in affinities:
        source, neighbour = shifted(cells, offset)
        if affinity.shape != source.shape:
            raise ValueError(
                f"affinities of offset {offset} are {affinity.shape}, the grid's pairs are {source.shape}"
            )
        weight = np.power(affinity, beta, dtype=np.float32).ravel()
        rows += [source.ravel(), neighbour.ravel()]
        columns += [neighbour.ravel(), source.ravel()]
        values += [weight, weight]
    indices = (np.concatenate(rows), np.concatenate(columns))
    matrix = sparse.coo_array((np.concatenate(values), indices), shape=(cells.size, cells.size)).tocsr()
    degree = np.asarray(matrix.sum(axis=1)).ravel()
    matrix.data /= np.repeat(degree, np.diff(matrix.indptr))
    return matrix


def propagate(scores: np.ndarray, transition: sparse.csr_array, *, log2_steps: int) -> np.ndarray:
    """Scores after 2**log2_steps steps of the walk: T^t m for each channel.

    Args:
        scores: (K, h, w) float.
        transition: (h*w, h*w) of `transition_matrix`.
        log2_steps: the walk takes 2**log2_steps steps (8: the paper's 256).

    Returns:
        (K, h, w) float32; a channel's values stay within its own range, a constant channel stays constant.

    x^t = sum_k c_k T_k(x) over Chebyshev polynomials T_k with k of t's parity: about 80 sparse products stand for
    256, and the recurrence is stable because T is similar to a symmetric matrix with spectrum in [-1, 1].
    """
    num_channels, height, width = scores.shape
    flat = np.ascontiguousarray(scores.reshape(num_channels, -1).T, dtype=np.float32)     # (N, K)
    if flat.shape[0] != transition.shape[0]:
        raise ValueError(f"scores have {flat.shape[0]} cells, the transition matrix {transition.shape[0]}")
    coefficients = chebyshev_coefficients(2**log2_steps)
    previous, current = flat, transition @ flat                                            # T_0 m, T_1 m
    result = coefficients[0] * previous
    if len(coefficients) > 1:
        result += coefficients[1] * current
    for coefficient in coefficients[2:]:
        previous, current = current, 2 * (transition @ current) - previous
        if coefficient:
            result += coefficient * current
    low, high = flat.min(axis=0), flat.max(axis=0)        # rounding may overshoot the maximum principle by 1e-7
    return np.clip(result, low, high).T.reshape(num_channels, height, width)


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
