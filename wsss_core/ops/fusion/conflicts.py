"""Which class gets a pixel that several claim."""

import numpy as np

from wsss_core.ops import cam

MARGIN = 0.1
"""`margin`: the lead a class needs over the next claimant to win."""


def settle(
    scores: np.ndarray, claims: np.ndarray, cams: np.ndarray, *, multi: str
) -> tuple[np.ndarray, np.ndarray]:
    """The winning class of each pixel, and where none should win.

    Args:
        scores: (K, H, W) float, the rule's score of each class; K = 0 is legal.
        claims: (K, H, W) bool, which classes claim the pixel.
        cams: (K, H, W) float, used by `product` alone.
        multi: what decides where two or more classes claim a pixel:
            `largest`, the largest score (AuxSegNet, OAA, EPS, L2G);
            `smallest_area`, the class that claims the fewest pixels, lest large objects swallow small ones
            in front of them (SEC and DSRG family);
            `product`, the largest product of score and max-normalised cam (ICD);
            `ignore`, none wins (AE-PSL, MDC);
            `margin`, the largest score, but none where it leads by less than MARGIN.

    Returns:
        winner (H, W) int, an index into K, of use only where a class claims the pixel (the first class wins
        a tie); undecided (H, W) bool, the claimed pixels to ignore.

    Raises:
        ValueError: `multi` is unknown.
    """
    disputed = claims.sum(axis=0) >= 2
    if len(scores) == 0:
        return np.zeros(disputed.shape, int), disputed
    claimed = np.where(claims, scores, -np.inf)
    if multi == "largest":
        return claimed.argmax(axis=0), np.zeros_like(disputed)
    if multi == "smallest_area":
        areas = claims.sum(axis=(1, 2))[:, None, None]
        return np.where(claims, areas, np.inf).argmin(axis=0), np.zeros_like(disputed)
    if multi == "product":
        product = on_one_scale(cams, kind="max") * scores
        return np.where(claims, product, -np.inf).argmax(axis=0), np.zeros_like(disputed)
    if multi == "ignore":
        return claimed.argmax(axis=0), disputed
    if multi == "margin":
        return claimed.argmax(axis=0), disputed & (_lead(scores, claims) < MARGIN)
    raise ValueError(f"multi={multi!r} is unknown; take largest, smallest_area, product, ignore or margin")


def on_one_scale(cams: np.ndarray, *, kind: str) -> np.ndarray:
    """Each class's map on a common scale.

    Args:
        cams: (K, H, W) float.
        kind: `max`, relu(A) / (max + 1e-5), so that the peak is 1 (AuxSegNet, EPS); `minmax`,
            (A - min) / (max - min + 1e-8) (OAA); `none`, as they are.

    Returns:
        (K, H, W) float, in [0, 1] unless kind is `none`.

    Raises:
        ValueError: `kind` is unknown.
    """
    if kind == "none":
        return cams
    if kind == "max":
        return cam.over_maximum(np.maximum(cams, 0))
    if kind == "minmax":
        lowest, highest = (bound(cams, axis=(1, 2), keepdims=True) for bound in (np.min, np.max))
        return (cams - lowest) / (highest - lowest + 1e-8)
    raise ValueError(f"kind={kind!r} is unknown; take max, minmax or none")


def _lead(scores: np.ndarray, claims: np.ndarray) -> np.ndarray:
    """(H, W) float: by how much the best claimant leads the next; 0 where fewer than two claim."""
    if len(scores) < 2:
        return np.zeros(scores.shape[1:], scores.dtype)
    top = np.sort(np.where(claims, scores, 0), axis=0)[-2:]
    return np.where(claims.sum(axis=0) >= 2, top[1] - top[0], 0)
