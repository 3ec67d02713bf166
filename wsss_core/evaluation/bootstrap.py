"""How much a mean IoU hangs on the images that happen to be in the set: a bootstrap interval.

Images are drawn with replacement, as many as there are, and the mIoU of each such set is taken; the interval holds the
middle 95 % of them (Efron's percentile interval). The network stays the same: what another seed would give it does not
say.
"""

from __future__ import annotations

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
SEED = 0
_AT_ONCE = 50
"""Resamples, for the sake of memory."""


def miou_interval(counts: np.ndarray, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED):
    """(low, high) of the mean IoU over images.

    Args:
        counts: (N, 3, L) int, of each image and label: pixels that are rightly predicted, true, predicted.
        resamples: sets that are drawn.
        level: share of their mIoUs that lies in the interval.
        seed: of the drawing.

    Returns:
        Two floats; NaN where fewer than two images were counted, or one of the sets holds no label.
    """
    if len(counts) < 2:
        return float("nan"), float("nan")
    low, high = np.quantile(_resampled(counts, resamples=resamples, seed=seed), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def gain_interval(
    counts: np.ndarray, others: np.ndarray, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED
):
    """(low, high) of the mean IoU of `counts` less that of `others` over the same drawn images; as `miou_interval`."""
    if len(counts) < 2:
        return float("nan"), float("nan")
    gains = np.subtract(*(_resampled(one, resamples=resamples, seed=seed) for one in (counts, others)))
    low, high = np.quantile(gains, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _resampled(counts: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    """(resamples,) mean IoU of as many sets of images; the same sets for counts of as many images."""
    num_images, _, num_labels = counts.shape
    rng, flat = np.random.default_rng(seed), counts.reshape(num_images, -1).astype(np.float64)
    mious = []
    for start in range(0, resamples, _AT_ONCE):
        drawn = rng.integers(num_images, size=(min(_AT_ONCE, resamples - start), num_images))
        times = np.stack([np.bincount(one, minlength=num_images) for one in drawn])
        sums = (times.astype(np.float64) @ flat).reshape(len(drawn), 3, num_labels)  # of integers: exact
        mious.append(mean_ious(sums))
    return np.concatenate(mious)


def mean_ious(sums: np.ndarray) -> np.ndarray:
    """(S,) mean IoU over the labels that occur, of (S, 3, L) counts."""
    right, union = sums[:, 0], sums[:, 1] + sums[:, 2] - sums[:, 0]
    occurs = union > 0
    iou = np.divide(right, union, out=np.zeros(right.shape), where=occurs)
    with np.errstate(invalid="ignore"):
        return iou.sum(axis=1) / occurs.sum(axis=1)
