"""The published rules that make a label map from class maps and saliency, each with its own constants.

Every rule takes cams (K, H, W) float, classes (K,) int and saliency (H, W) float in [0, 1], and returns the
label (H, W) uint8 with the pixels (H, W) bool that two or more classes claimed. K = 0 is legal. `multi`
decides between claimants (see `settle`); its default is the paper's. Inputs are checked by `fuse`.
"""

import numpy as np

from wsss_core.ops import cam
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

EVIDENCE = 1e-5  # icd: scores and differences below are none
LEAST_SALIENT = 0.01  # icd: an image less salient than this share has no usable saliency
BAND_BACKGROUND, BAND_FOREGROUND = 0.05, 0.2  # labels without saliency: in between nothing is certain
MARGIN = 0.1
"""`margin`: the lead a class needs over the next claimant to win."""

Labelled = tuple[np.ndarray, np.ndarray]


def dual_xor(
    cams: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray,
    *,
    cam_threshold: float,
    saliency_threshold: float,
    multi: str = "largest",
) -> Labelled:
    """Label where class evidence and saliency agree; ignore where exactly one of them says object.

    Args:
        cam_threshold: object where a class exceeds this (paper: 0.2).
        saliency_threshold: salient above this (paper: 0.06).

    Xu et al., ICCV 2021 (AuxSegNet), with the constants of AE-PSL and DSRG practice.
    """
    claims = cams > cam_threshold
    label, disputed = assign(cams, claims, cams, classes, multi)
    label[claims.any(axis=0) != (saliency > saliency_threshold)] = IGNORE_INDEX
    return label, disputed


def oaa(
    cams: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray,
    *,
    foreground_threshold: float,
    conflict_threshold: float,
    saliency_threshold: float,
    attention_threshold: float,
    min_ratio: float,
    multi: str = "largest",
) -> Labelled:
    """Let 1 - saliency compete with the classes as the background's score; ignore doubtful background.

    Args:
        foreground_threshold: scores below, background's too, count as 0 (code: 0.3).
        conflict_threshold: ignore where two scores, background's too, exceed this (0.9; MCIS 0.99).
        saliency_threshold: background at least this salient is ignored (32 / 255).
        attention_threshold: background where a class exceeds this is ignored (0.8; MCIS 0.95).
        min_ratio: with a smaller share of object pixels the whole image is ignored (0.01).

    Jiang et al., ICCV 2019 (OAA), on maps normalised by `minmax`.
    """
    background = _at_least(1 - saliency, foreground_threshold)
    scores = _at_least(cams, foreground_threshold)
    claims = scores > background
    label, disputed = assign(scores, claims, cams, classes, multi)
    high = (scores > conflict_threshold).sum(axis=0) + (background > conflict_threshold)
    label[high >= 2] = IGNORE_INDEX
    doubtful = (saliency >= saliency_threshold) | (cams > attention_threshold).any(axis=0)
    label[(label == BACKGROUND) & doubtful] = IGNORE_INDEX
    if ((label != BACKGROUND) & (label != IGNORE_INDEX)).mean() < min_ratio:
        label[:] = IGNORE_INDEX
    return label, disputed


def icd(
    cams: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray,
    *,
    score_threshold: float,
    saliency_threshold: float,
    multi: str = "product",
) -> Labelled:
    """Label where the signed class scores and saliency agree; an image without saliency trusts the scores.

    Args:
        score_threshold: subtracted from the cams to make signed scores (0.2 for a cam; 0 for the scores of
            an intra-class discriminator, passed as cams).
        saliency_threshold: background below this (code: 0.01).

    Fan et al., CVPR 2020 (ICD). Deviation: plain cams less a threshold may stand in for the discriminator.
    """
    scores = cams - score_threshold
    highest = scores.max(axis=(1, 2), keepdims=True, initial=EVIDENCE)
    positive = np.maximum(scores, 0) / highest
    claims = positive > EVIDENCE
    is_object = claims.any(axis=0)
    is_background = saliency < saliency_threshold
    if 1 - is_background.mean() < LEAST_SALIENT:
        lowest = scores.min(axis=(1, 2), keepdims=True, initial=-EVIDENCE)
        is_background &= (np.minimum(scores, 0) / lowest > EVIDENCE).all(axis=0)
    label, disputed = assign(positive, claims, cams, classes, multi)
    if len(classes) > 1:
        product = on_one_scale(cams, kind="max") * positive
        label[is_object & (np.ptp(product, axis=0) <= EVIDENCE)] = IGNORE_INDEX
    label[is_object == is_background] = IGNORE_INDEX
    return label, disputed


def harmonic(
    cams: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray,
    *,
    conflict_threshold: float,
    saliency_threshold: float,
    multi: str = "largest",
) -> Labelled:
    """Let the harmonic mean of class evidence and saliency compete with 1 - saliency.

    Args:
        conflict_threshold: ignore where two classes reach this (author: 0.7).
        saliency_threshold: objects less salient than this are ignored (author: 32 / 255).

    Hou et al., NeurIPS 2018 (SeeNet), algorithm 1, with the ignore rules its author adds.
    """
    background = 1 - saliency
    scores = 2 * saliency * cams / (saliency + cams + 1e-8)
    claims = scores > background
    label, disputed = assign(scores, claims, cams, classes, multi)
    label[(cams >= conflict_threshold).sum(axis=0) >= 2] = IGNORE_INDEX
    label[(label != BACKGROUND) & (saliency < saliency_threshold)] = IGNORE_INDEX
    return label, disputed


def const_bg(
    cams: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray,
    *,
    background_score: float,
    multi: str = "largest",
) -> Labelled:
    """Label by the class evidence alone, against one score for background; saliency is not read.

    Args:
        background_score: background unless a class exceeds this (EPS 0.2, L2G 0.25).
    """
    claims = cams > background_score
    return assign(cams, claims, cams, classes, multi)


PUBLISHED = {rule.__name__: rule for rule in (dual_xor, oaa, icd, harmonic, const_bg)}
"""The published rules by the names that they and their parameters have in params.yaml."""


def ignore_band(cams: np.ndarray, classes: np.ndarray, *, multi: str) -> Labelled:
    """Label by confident class evidence alone: object above 0.2, background up to 0.05, else ignore.

    What `fuse` falls back to without saliency. DEVIATION: evidence of exactly 0.2 is ignored too, where
    const_bg would say background, so that labels rise with the evidence.
    """
    label, disputed = const_bg(
        cams, classes, np.zeros(cams.shape[1:]), background_score=BAND_FOREGROUND, multi=multi
    )
    label[(label == BACKGROUND) & (cams > BAND_BACKGROUND).any(axis=0)] = IGNORE_INDEX
    return label, disputed


def assign(
    scores: np.ndarray,
    claims: np.ndarray,
    cams: np.ndarray,
    classes: np.ndarray,
    multi: str,
) -> Labelled:
    """The winner on pixels that a class claims, IGNORE_INDEX if none should win, BACKGROUND elsewhere."""
    num_claims = claims.sum(axis=0)
    label = np.full(num_claims.shape, BACKGROUND, np.uint8)
    winner, undecided = settle(scores, claims, cams, multi=multi)
    if len(classes):
        label[num_claims > 0] = classes[winner[num_claims > 0]]
    label[undecided] = IGNORE_INDEX
    return label, num_claims >= 2


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


def _at_least(scores: np.ndarray, threshold: float) -> np.ndarray:
    return np.where(scores >= threshold, scores, 0)
