"""The pixels of a polygon through pixel centres, as OpenCV's fillPoly fills it: with all that its line touches."""

from __future__ import annotations

import numpy as np


def filled(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the inside and the line of the closed polygon of (N, 2) int pixels x, y.

    What lies inside twice is outside, as in a keyhole. It is the inverse of `outlines.centre_outline`.
    """
    from skimage import draw  # a slow import

    x, y = np.asarray(points, dtype=np.int64).T
    inside = np.zeros(size, dtype=bool)
    inside[draw.polygon(y, x, shape=size)] = True
    sides = zip(y, x, np.roll(y, -1), np.roll(x, -1), strict=True)
    line = np.concatenate([np.stack(draw.line(*ends)) for ends in sides], axis=1)  # (2, P)
    rows, columns = line[:, (line >= 0).all(axis=0) & (line[0] < size[0]) & (line[1] < size[1])]
    inside[rows, columns] = True
    return inside
