"""Arithmetic on class activation maps: eq. 1, a map over its maximum, and eq. 2, the background's score.

Both take NumPy's arrays, and torch's tensors where labels are made on the device of a training; torch is not imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

    Maps = TypeVar("Maps", np.ndarray, torch.Tensor)

EPSILON = 1e-5
"""Keeps a map without any response at 0."""


def over_maximum(maps: Maps, *, epsilon: float = EPSILON) -> Maps:
    """Each map of (..., h, w) divided by its own maximum: below 1, and 0 where a map of values >= 0 has none above 0.

    M_c = S_c / (max_xy S_c + epsilon) for S_c >= 0; Ahn & Kwak, CVPR 2018, eq. 1, as released.

    >>> over_maximum(np.array([[[0.0, 1.0, 4.0]], [[0.0, 0.0, 0.0]]])).round(3).tolist()
    [[[0.0, 0.25, 1.0]], [[0.0, 0.0, 0.0]]]
    """
    if isinstance(maps, np.ndarray):
        return maps / (maps.max(axis=(-2, -1), keepdims=True, initial=0) + epsilon)
    return maps / (maps.amax(dim=(-2, -1), keepdim=True) + epsilon)


def rectified_over_maximum(cams: np.ndarray) -> np.ndarray:
    """Each map of (K, h, w), clipped at 0, then `over_maximum`: float32 in [0, 1).

    >>> rectified_over_maximum(np.array([[[-1.0, 1.0, 2.0]]])).round(3)
    array([[[0. , 0.5, 1. ]]], dtype=float32)
    """
    return over_maximum(np.maximum(cams, 0).astype(np.float32))


def background(cams: Maps, *, exponent: float) -> Maps:
    """The background's score (1 - max_k M_k)^exponent, (h, w) float32; 1 where there is no class at all.

    A low exponent strengthens the background, a high one weakens it. Ahn & Kwak, CVPR 2018, eq. 2.

    >>> background(np.array([[[0.0, 0.5, 1.0]]]), exponent=2)
    array([[1.  , 0.25, 0.  ]], dtype=float32)
    """
    if isinstance(cams, np.ndarray):
        strongest = cams.max(axis=0, initial=0)
        return ((1 - np.clip(strongest, 0, 1)) ** exponent).astype(np.float32)
    highest = cams.amax(dim=0) if len(cams) else cams.new_zeros(cams.shape[1:])
    return (1 - highest.clamp(0, 1)) ** exponent


def with_background(cams: np.ndarray, *, exponent: float) -> np.ndarray:
    """(K+1, h, w) float32: the background's score, then the maps.

    >>> with_background(np.array([[[0.0, 0.5, 1.0]]]), exponent=2).tolist()
    [[[1.0, 0.25, 0.0]], [[0.0, 0.5, 1.0]]]
    """
    return np.concatenate([background(cams, exponent=exponent)[None], cams.astype(np.float32)])
