"""Arithmetic on class activation maps: normalisation and the background's score."""

from __future__ import annotations

import numpy as np

EPSILON = 1e-5


def normalise(cams: np.ndarray) -> np.ndarray:
    """Each map of (K, h, w), clipped at 0 and divided by its own maximum: float32 in [0, 1).

    M_c = max(S_c, 0) / (max_xy S_c + 1e-5); Ahn & Kwak, CVPR 2018, sec. 3.1. A map without a positive value
    becomes 0.
    """
    positive = np.maximum(cams, 0).astype(np.float32)
    return positive / (positive.max(axis=(1, 2), keepdims=True, initial=0) + EPSILON)


def background(cams: np.ndarray, *, exponent: float) -> np.ndarray:
    """The background's score (1 - max_k M_k)^exponent, (h, w) float32; 1 where there is no class at all.

    A low exponent strengthens the background, a high one weakens it. Ahn & Kwak, CVPR 2018, sec. 3.1.
    """
    strongest = cams.max(axis=0, initial=0)
    return np.power(1 - np.clip(strongest, 0, 1), exponent).astype(np.float32)


def with_background(cams: np.ndarray, *, exponent: float) -> np.ndarray:
    """(K+1, h, w) float32: the background's score, then the maps."""
    return np.concatenate([background(cams, exponent=exponent)[None], cams.astype(np.float32)])
