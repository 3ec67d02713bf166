"""Small inputs for the tests of this folder, and how what a device makes of them is held to what the CPU makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

SIZES = ((60, 80), (80, 60), (47, 33))
"""Sizes of photographs that differ, and do not divide by any stride."""

SUMS = 2e-5
"""Share of the largest value: float32 sums of a few hundred terms, each device in an order of its own."""

WALK = 2 * 256 * 2**-23
"""Share of the largest value: each row of the transition matrix sums to 1 up to float32's 2^-23, 256 steps of a walk
multiply that, and each of two devices has rows of its own. Against float64 the CPU's walk is off by 2e-5."""

LATTICE = 1e-4
"""Share of the largest value: float32 places a point at a hundred cells to 1e-5 of a cell, and the weights follow."""

KERNELS = {
    "gaussian_sxy": 3.0, "gaussian_weight": 3.0, "bilateral_sxy": 40.0, "bilateral_srgb": 13.0, "bilateral_weight": 5.0,
}  # fmt: skip


def photographs(sizes: Sequence[tuple[int, int]] = SIZES, *, seed: int = 0) -> list[np.ndarray]:
    """(H, W, 3) uint8 each: noisy patches of colour, so that there are edges, and no two pixels are alike."""
    rng, made = np.random.default_rng(seed), []
    for height, width in sizes:
        patches = rng.integers(30, 226, (-(-height // 12), -(-width // 12), 3))
        picture = patches.repeat(12, axis=0).repeat(12, axis=1)[:height, :width]
        made.append((picture + rng.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8))
    return made


def probabilities(sizes: Sequence[tuple[int, int]] = SIZES, *, labels: Sequence[int]) -> list[np.ndarray]:
    """(L, H, W) float32 each, smooth, with another number of labels for each photograph."""
    rng, made = np.random.default_rng(1), []
    for (height, width), count in zip(sizes, labels, strict=True):
        coarse = rng.random((count, -(-height // 10), -(-width // 10)))
        raw = coarse.repeat(10, axis=1).repeat(10, axis=2)[:, :height, :width]
        raw = raw + 0.3 * rng.random((count, height, width))
        made.append((raw / raw.sum(axis=0)).astype(np.float32))
    return made


def assert_close(found, expected, *, share: float) -> None:
    """Assert that no value differs from the expected one by more than a share of the largest expected one."""
    found, expected = (np.asarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values)
                       for values in (found, expected))  # fmt: skip
    assert found.shape == expected.shape
    difference, largest = np.abs(found - expected).max(), np.abs(expected).max()
    assert difference <= share * largest, f"differs by {difference:.3g}, the largest value is {largest:.3g}"


def agreement(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """The share of all pixels of some label maps that have the same label."""
    equal = [(ours == theirs).ravel() for ours, theirs in zip(found, expected, strict=True)]
    return float(np.concatenate(equal).mean())
