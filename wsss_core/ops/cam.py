"""Arithmetic on class activation maps: normalisation, background score, resampling."""

from __future__ import annotations

import numpy as np
from PIL import Image

EPSILON = 1e-5


def normalise(cams: np.ndarray) -> np.ndarray:
    """Each map of (K, h, w), clipped at 0 and divided by its own maximum: float32 in [0, 1).

    M_c = max(S_c, 0) / (max_xy S_c + 1e-5); Ahn & Kwak, CVPR 2018, eq. 1. A map without a positive value
    becomes 0.
    """
    positive = np.maximum(cams, 0).astype(np.float32)
    return positive / (positive.max(axis=(1, 2), keepdims=True, initial=0) + EPSILON)


def background(cams: np.ndarray, *, exponent: float) -> np.ndarray:
    """The background's score (1 - max_k M_k)^exponent, (h, w) float32; 1 where there is no class at all.

    A low exponent strengthens the background, a high one weakens it. Ahn & Kwak, CVPR 2018, eq. 2.
    """
    strongest = cams.max(axis=0, initial=0)
    return np.power(1 - np.clip(strongest, 0, 1), exponent).astype(np.float32)


def with_background(cams: np.ndarray, *, exponent: float) -> np.ndarray:
    """(K+1, h, w) float32: the background's score, then the maps."""
    return np.concatenate([background(cams, exponent=exponent)[None], cams.astype(np.float32)])


def grid_size(size: tuple[int, int], *, stride: int) -> tuple[int, int]:
    """The (h, w) grid whose cells of stride x stride pixels cover an image of `size` = (H, W)."""
    return -(-size[0] // stride), -(-size[1] // stride)


def upsample(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scores at every pixel: (K, h, w) -> (K, H, W) float32, bilinear between cell centres.

    A cell covers f x f pixels with h = ceil(H / f), w = ceil(W / f); what sticks out at the bottom and the right
    is cut off, so that cells stay where they were.
    """
    (height, width), (rows, columns) = size, scores.shape[1:]
    factor = max(-(-height // rows), -(-width // columns))
    if grid_size(size, stride=factor) != (rows, columns):
        raise ValueError(f"a {rows}x{columns} grid does not cover a {height}x{width} image in square cells")
    if factor == 1:
        return scores.astype(np.float32)
    full = [resize(plane, (rows * factor, columns * factor))[:height, :width] for plane in scores]
    return np.stack(full) if full else np.zeros((0, height, width), dtype=np.float32)


def resize(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An (h, w) plane at (H, W), float32: bilinear up, area-weighted (antialiased) down."""
    picture = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR), dtype=np.float32)


def pool(scores: np.ndarray, *, stride: int) -> np.ndarray:
    """Mean of each stride x stride cell: (K, H, W) -> (K, ceil(H/stride), ceil(W/stride)) float32.

    Cells that stick out are averaged over their pixels inside the image.
    DEVIATION from PSA, which pads with zeros and so weakens the last row and column.
    """
    num_maps, height, width = scores.shape
    rows, columns = grid_size((height, width), stride=stride)
    padding = ((0, 0), (0, rows * stride - height), (0, columns * stride - width))
    cells = (num_maps, rows, stride, columns, stride)
    total = np.pad(scores.astype(np.float32), padding).reshape(cells).sum(axis=(2, 4))
    inside = np.pad(np.ones((1, height, width), np.float32), padding).reshape(1, *cells[1:]).sum(axis=(2, 4))
    return total / inside
