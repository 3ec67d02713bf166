"""Which pixels of a saliency map count as salient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

HALF = 0.5
MARGIN = 0.02
"""A threshold closer to 0 or 1 counts as this where maps are centred."""
SMALLEST = 1e-6
LEVEL = 1 / 255
"""One level of 8 bit grey: a map of less contrast is constant."""


def binary(saliency: np.ndarray, *, rule: str) -> np.ndarray:
    """(H, W) bool of an (H, W) float map in [0, 1]: above `threshold`."""
    return saliency > threshold(saliency, rule=rule)


def centred(saliency: np.ndarray, *, rule: str) -> np.ndarray:
    """(H, W) float32 in (0, 1]: the map moved along its logits until its threshold is one half."""
    from scipy.special import expit, logit  # which trainings on maps as they are do without

    centre = np.clip(threshold(saliency, rule=rule), MARGIN, 1 - MARGIN)
    return expit(logit(np.clip(saliency, SMALLEST, 1 - SMALLEST)) - logit(centre)).astype(np.float32)


def threshold(saliency: np.ndarray, *, rule: str) -> float:
    """The value above which a pixel of an (H, W) float map in [0, 1] counts as salient.

    Args:
        rule: `half`: 0.5, for maps of a network; `twice_mean`: twice the map's mean, `otsu`: Otsu's threshold, for
            weight-free detectors, whose maps are seldom that high; of a constant map nothing is salient then.
    """
    return RULES[rule](saliency)


def _half(saliency: np.ndarray) -> float:
    return HALF


def _twice_mean(saliency: np.ndarray) -> float:
    return 2 * float(saliency.mean())


def _otsu(saliency: np.ndarray) -> float:
    from skimage.filters import threshold_otsu  # as above

    return 1.0 if saliency.max() - saliency.min() < LEVEL else float(threshold_otsu(saliency))


RULES: dict[str, Callable[[np.ndarray], float]] = {"half": _half, "twice_mean": _twice_mean, "otsu": _otsu}
