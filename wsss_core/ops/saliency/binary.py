"""Which pixels of a saliency map count as salient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from skimage.filters import threshold_otsu

HALF = 0.5


def binary(saliency: np.ndarray, *, rule: str) -> np.ndarray:
    """(H, W) bool of an (H, W) float map in [0, 1].

    Args:
        rule: `half`: above 0.5, for maps of a network; `twice_mean`: above twice the map's mean, `otsu`: above Otsu's
            threshold, for weight-free detectors, whose maps are seldom that high. A constant map has no salient pixel,
            except that `half` takes it by its word.
    """
    return RULES[rule](saliency)


def _half(saliency: np.ndarray) -> np.ndarray:
    return saliency > HALF


def _twice_mean(saliency: np.ndarray) -> np.ndarray:
    return saliency > 2 * saliency.mean()


def _otsu(saliency: np.ndarray) -> np.ndarray:
    if saliency.min() == saliency.max():
        return np.zeros(saliency.shape, dtype=bool)
    return saliency > threshold_otsu(saliency)


RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"half": _half, "twice_mean": _twice_mean, "otsu": _otsu}
