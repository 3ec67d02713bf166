"""Label maps from score maps by dense CRF: the last step of a pseudo-label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wsss_core.artifacts import Scores
from wsss_core.ops import cam, grids
from wsss_core.ops.crf import dense_crf
from wsss_core.voc import BACKGROUND, IGNORE_INDEX


def cam_crf_labels(
    images: Sequence[np.ndarray], cams: Sequence[Scores], *, background_exponent: float, **crf
) -> list[np.ndarray]:
    """(H, W) uint8 labels each of a dense CRF on the CAMs alone: what every affinity method has to beat."""
    full = [grids.read(scores.scores, scores.size) for scores in cams]
    runs = dense_crf(images, [cam.with_background(maps, exponent=background_exponent) for maps in full], **crf)
    return [ids_of(scores.classes)[q.argmax(axis=0)] for q, scores in zip(runs, cams, strict=True)]


def refined_labels(
    images: Sequence[np.ndarray],
    scores: Sequence[Scores],
    fused: Sequence[np.ndarray | None],
    *,
    label_confidence: float,
    keep_ignore: bool,
    **crf,
) -> list[np.ndarray]:
    """The labels of dense CRFs whose unaries are the scores', overridden where the fused labels have decided.

    Args:
        images: (H, W, 3) uint8 RGB each.
        scores: background first; the walk's, or a soft fusion's.
        fused: (H, W) uint8 hard labels, IGNORE_INDEX where undecided; None overrides nothing.
        label_confidence: probability of the fused label where there is one; the others share the rest.
        keep_ignore: leave IGNORE_INDEX where `fused` has it; else the CRF fills it.
        crf: keyword arguments of `dense_crf`.

    Returns:
        (H, W) uint8 each: BACKGROUND, a class of its scores, or IGNORE_INDEX.

    Raises:
        ValueError: the fused labels differ from the scores' image in height or width, or hold a class that the
            scores lack.
    """
    ids = [ids_of(one.classes[1:]) for one in scores]
    unaries = [
        _unary(one, of_image, label, confidence=label_confidence)
        for one, of_image, label in zip(scores, ids, fused, strict=True)
    ]
    runs = dense_crf(images, unaries, **crf)
    labels = [of_image[q.argmax(axis=0)] for q, of_image in zip(runs, ids, strict=True)]
    for label, decided in zip(labels, fused, strict=True):
        if decided is not None and keep_ignore:
            label[decided == IGNORE_INDEX] = IGNORE_INDEX
    return labels


def _unary(scores: Scores, ids: np.ndarray, fused: np.ndarray | None, *, confidence: float) -> np.ndarray:
    """(L, H, W) probabilities at every pixel."""
    unary = summing_to_one(grids.read(scores.scores, scores.size))
    return unary if fused is None else _override(unary, ids, fused, confidence=confidence)


def ids_of(classes: np.ndarray) -> np.ndarray:
    """(K+1,) uint8: the label of each channel when the background comes first."""
    return np.concatenate([[BACKGROUND], classes]).astype(np.uint8)


def summing_to_one(scores: np.ndarray) -> np.ndarray:
    """Scores that sum to 1 over the channels of (L, H, W); uniform where all are 0."""
    positive = np.maximum(scores, 1e-5)
    return positive / positive.sum(axis=0, keepdims=True)


def _override(unary: np.ndarray, ids: np.ndarray, fused: np.ndarray, *, confidence: float) -> np.ndarray:
    if fused.shape != unary.shape[1:]:
        raise ValueError(f"the fused labels are {fused.shape}, the scores' image is {unary.shape[1:]}; run fuse again")
    unknown = set(np.unique(fused).tolist()) - set(ids.tolist()) - {IGNORE_INDEX}
    if unknown:
        raise ValueError(f"fused labels {sorted(unknown)} are no class of this image {ids.tolist()}; run fuse again")
    chosen = fused[None] == ids[:, None, None]                                             # (L, H, W)
    rest = (1 - confidence) / max(1, len(ids) - 1)
    return np.where(fused[None] == IGNORE_INDEX, unary, np.where(chosen, confidence, rest)).astype(np.float32)
