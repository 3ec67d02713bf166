"""Whether the scores behind labels tell how often the labels are right: reliability curve and calibration error.

Guo et al., ICML 2017: pixels are sorted into bins of equal width by their confidence; in a bin the confidence promises
the share of right labels. The expected calibration error is the mean difference of both, weighted by pixels.
"""

from __future__ import annotations

import numpy as np

from wsss_core.artifacts import Scores
from wsss_core.ops import grids
from wsss_core.ops.refinement import summing_to_one
from wsss_core.voc import IGNORE_INDEX

NUM_BINS = 15
"""As in the paper; bin b holds confidences in (b / 15, (b + 1) / 15]."""


class Calibration:
    """Counts over a set of images, by bins of confidence."""

    def __init__(self) -> None:
        self.pixels, self.right = np.zeros((2, NUM_BINS), dtype=np.int64)
        self.confidence = np.zeros(NUM_BINS)

    def add(self, labels: np.ndarray, confidence: np.ndarray, truth: np.ndarray) -> None:
        """Count the pixels of an image that have a label and a true one.

        Args:
            labels: (H, W) uint8, 0..C or IGNORE_INDEX.
            confidence: (H, W) float in [0, 1], that the label is right.
            truth: (H, W) uint8, likewise.
        """
        known = (labels != IGNORE_INDEX) & (truth != IGNORE_INDEX)
        sure, right = confidence[known], (labels == truth)[known]
        bins = np.clip(np.ceil(sure * NUM_BINS).astype(np.int64) - 1, 0, NUM_BINS - 1)
        self.pixels += np.bincount(bins, minlength=NUM_BINS)
        self.right += np.bincount(bins[right], minlength=NUM_BINS)
        self.confidence += np.bincount(bins, weights=sure, minlength=NUM_BINS)

    def merge(self, other: Calibration) -> None:
        """Take in the images that another object counted."""
        self.pixels += other.pixels
        self.right += other.right
        self.confidence += other.confidence

    def curve(self) -> list[tuple[float, float, int]]:
        """(mean confidence, share of right labels, pixels) of each bin that has any, ascending."""
        return [(float(c / n), float(r / n), int(n)) for c, r, n in
                zip(self.confidence, self.right, self.pixels, strict=True) if n]  # fmt: skip

    def error(self) -> float:
        """The expected calibration error, in [0, 1]; NaN without a pixel."""
        total = self.pixels.sum()
        return float(np.abs(self.confidence - self.right).sum() / total) if total else float("nan")


def confidence_in(scores: Scores, labels: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1]: what score maps give to the labels of an image, to the likeliest where it is ignored.

    Where the labels say what the scores say, this is the largest share; a pixel that a CRF turned against them counts
    as uncertain, however sure they were.

    Args:
        scores: background first; at every pixel they count as shares of their sum, as in the CRF that refines them.
        labels: (H, W) uint8, 0..C or IGNORE_INDEX. One of a class without a map has the confidence 0.
    """
    shares = summing_to_one(grids.read(scores.scores, scores.size))                # (K+1, H, W)
    places = np.full(256, len(shares))
    places[scores.classes] = np.arange(len(shares))
    places[IGNORE_INDEX] = len(shares) + 1
    choices = np.concatenate([shares, np.zeros_like(shares[:1]), shares.max(axis=0)[None]])
    return np.take_along_axis(choices, places[labels][None], axis=0)[0]
