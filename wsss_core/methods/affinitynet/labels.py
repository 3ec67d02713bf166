"""Confident labels for the affinity network, from two dense CRF runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wsss_core.artifacts import Scores
from wsss_core.ops import cam, grids
from wsss_core.ops.crf import dense_crf
from wsss_core.voc import BACKGROUND, IGNORE_INDEX


def confident_labels(
    images: Sequence[np.ndarray],
    cams: Sequence[Scores],
    *,
    background_exponent_low: float,
    background_exponent_high: float,
    **crf,
) -> list[np.ndarray]:
    """Label what survives a strengthened background, and the background that survives a weakened one.

    Args:
        images: (H, W, 3) uint8 RGB each.
        cams: their class activation maps.
        background_exponent_low: of the strong background; foreground that survives it is confident (4).
        background_exponent_high: of the weak background; background that survives it is confident (24 or 32).
        crf: keyword arguments of `dense_crf`; both runs of an image share its kernels.

    Returns:
        (H, W) uint8 each, as `combine` makes it.

    Ahn & Kwak, CVPR 2018, sec. 3.2.
    """
    exponents = (background_exponent_low, background_exponent_high)
    full = [grids.read(scores.scores, scores.size) for scores in cams]
    unaries = [np.stack([cam.with_background(maps, exponent=exponent) for exponent in exponents]) for maps in full]
    runs = dense_crf(images, unaries, **crf)                                               # (2, K+1, H, W) each
    labels = [q.argmax(axis=1) for q in runs]
    return [combine(low, high, scores.classes) for (low, high), scores in zip(labels, cams, strict=True)]


def combine(low: np.ndarray, high: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """One label map of two (H, W) argmax maps: 0 = background, k = classes[k - 1].

    Returns:
        (H, W) uint8: the class where `low` finds one, BACKGROUND where `high` finds none, else IGNORE_INDEX. Where
        both hold, background wins, as in the released code (IRN decides for the class).
    """
    ids = np.concatenate([[BACKGROUND], classes]).astype(np.uint8)
    label = np.where(low == 0, IGNORE_INDEX, ids[low]).astype(np.uint8)
    label[high == 0] = BACKGROUND
    return label
