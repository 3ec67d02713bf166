"""The pixels of polygons: as OpenCV's fillPoly fills one through pixel centres, and as annotators draw them."""

from __future__ import annotations

import numpy as np

from wsss_core.data.formats.coco_masks import SegmentationError, polygon_pixels


def filled(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the inside and all that the line touches of the closed polygon of (N, 2) int pixels x, y.

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


def paint_polygon(canvas: np.ndarray, label: int, corners: np.ndarray) -> None:
    """Give a label to the pixels of an (H, W) map whose centres lie in a polygon.

    Args:
        canvas: what is painted on.
        label: its number.
        corners: (N, 2) float, x and y in pixels; the first pixel reaches from 0 to 1.

    Raises:
        SegmentationError: they are fewer than three, or not finite.
    """
    if not np.isfinite(corners).all():
        raise SegmentationError("its corners are no numbers")
    canvas.flat[polygon_pixels(corners.ravel().tolist(), height=canvas.shape[0], width=canvas.shape[1])] = label
