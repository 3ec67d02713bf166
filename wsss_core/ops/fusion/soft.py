"""Soft fusion: class probabilities in which saliency is one of two witnesses for the background."""

import numpy as np

from wsss_core.ops import cam
from wsss_core.ops.fusion.rules import Labelled, assign

LEAST_RANGE = 0.2
"""A saliency map that spans less tells no pixel from another (empty, constant, or a failed detector's)."""


def soft_scores(
    cams: np.ndarray,
    saliency: np.ndarray | None,
    *,
    saliency_weight: float,
    saliency_exponent: float,
    background_exponent: float,
) -> np.ndarray:
    """Per-pixel class probabilities, background first.

    With m = max_k A_k the background scores
        b = w (1 - S)^gamma + (1 - w) (1 - m)^beta
    against the A_k, and all are divided by their sum. Since b <= w where m = 1, saliency alone cannot erase
    full class evidence as long as w < 1; a larger w only raises the evidence a non-salient pixel must show
    (w = 0.5, beta = 4: m > 0.53 at S = 0, m > 0.20 at S = 1). Without saliency w is 0, which leaves the
    background score of AffinityNet's labels, (1 - m)^beta.

    Args:
        cams: (K, H, W) float in [0, 1], each class at its peak near 1.
        saliency: (H, W) float in [0, 1]; None, or a map that spans less than LEAST_RANGE, is no saliency.
        saliency_weight: w in [0, 1], how much of the background's score is up to saliency.
        saliency_exponent: gamma > 0; larger values let weaker saliency vouch for an object.
        background_exponent: beta > 0; larger values let weaker class evidence do so.

    Returns:
        (K + 1, H, W) float32 >= 0, summing to 1 over the first axis.

    Raises:
        ValueError: shapes do not fit, or a parameter is out of its range.

    >>> cat, salient = np.array([[[0.5, 0.5]]]), np.array([[1.0, 0.0]])  # alike to the classifier
    >>> soft_scores(cat, salient, saliency_weight=0.5, saliency_exponent=1, background_exponent=1)
    array([[[0.33333334, 0.6       ]],
    <BLANKLINE>
           [[0.6666667 , 0.4       ]]], dtype=float32)
    """
    if cams.ndim != 3 or (saliency is not None and saliency.shape != cams.shape[1:]):
        came = None if saliency is None else saliency.shape
        raise ValueError(f"saliency is {came}, cams are {cams.shape}; resize both to the image first")
    if not 0 <= saliency_weight <= 1 or saliency_exponent <= 0 or background_exponent <= 0:
        raise ValueError(
            f"saliency_weight is {saliency_weight}, expected 0 to 1; the exponents are {saliency_exponent} "
            f"and {background_exponent}, expected above 0"
        )
    evidence = np.clip(cams, 0, 1).astype(np.float32)
    background = cam.background(evidence, exponent=background_exponent)
    if saliency is not None and is_informative(saliency):
        unsalient = (1 - np.clip(saliency, 0, 1).astype(np.float32)) ** saliency_exponent
        background = saliency_weight * unsalient + (1 - saliency_weight) * background
    scores = np.concatenate([background[None].astype(np.float32), evidence])  # (K + 1, H, W)
    total = scores.sum(axis=0)
    scores[0] = np.where(total > 0, scores[0], 1)  # w = 1, S = 1, m = 0: nothing speaks for any class
    return scores / np.where(total > 0, total, 1)


def soft(
    cams: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray,
    *,
    saliency_weight: float,
    saliency_exponent: float,
    background_exponent: float,
    multi: str = "largest",
) -> Labelled:
    """The most probable class of `soft_scores`; background on ties. Arguments and results as in `rules`."""
    scores = soft_scores(
        cams, saliency, saliency_weight=saliency_weight, saliency_exponent=saliency_exponent,
        background_exponent=background_exponent,
    )  # fmt: skip
    claims = scores[1:] > scores[0]
    return assign(scores[1:], claims, cams, classes, multi)


def is_informative(saliency: np.ndarray) -> bool:
    """Whether the map tells some pixels from others; (H, W) float in [0, 1]."""
    return bool(np.ptp(saliency) >= LEAST_RANGE)
