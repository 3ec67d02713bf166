"""Saliency maps against object masks: F-measure, mean absolute error and precision/recall, in one pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

NUM_THRESHOLDS = 256
THRESHOLDS = np.arange(NUM_THRESHOLDS) / (NUM_THRESHOLDS - 1)
"""The field's thresholds 0, 1/255, ..., 1; a pixel is salient at or above one."""

BETA_SQUARED = 0.3  # precision counts more than recall, as all saliency benchmarks agree
EPSILON = 1e-8


@dataclass
class SaliencyScores:
    """Sums over a set of images, from which the set's scores follow at any time.

    Sets of images can be added up apart and merged: `a.merge(b)`.

    Args:
        normalise: stretch each map to [0, 1] before precision, recall and F (SSNet's code does). The mean
            absolute error is reported both ways.

    >>> scores = SaliencyScores(normalise=False)
    >>> scores.add(np.array([[0.9, 0.6, 0.1, 0.0]]), np.array([[True, True, False, False]]))
    >>> {name: round(value, 3) for name, value in scores.summary().items() if name in ("max_f", "mae")}
    {'max_f': 1.0, 'mae': 0.15}
    """

    normalise: bool
    num_images: int = 0
    precision: np.ndarray = field(default_factory=lambda: np.zeros(NUM_THRESHOLDS))
    recall: np.ndarray = field(default_factory=lambda: np.zeros(NUM_THRESHOLDS))
    adaptive_f: float = 0.0
    error: float = 0.0
    error_normalised: float = 0.0

    def add(self, saliency: np.ndarray, mask: np.ndarray, *, valid: np.ndarray | None = None) -> None:
        """Count one image.

        Args:
            saliency: (H, W) float in [0, 1].
            mask: (H, W) bool, True on salient objects; binarise 8-bit masks with `>= 128`.
            valid: (H, W) bool, False on pixels to leave out (void contours); None for all.

        Raises:
            ValueError: shapes differ, the mask is not bool, the map leaves [0, 1], or no pixel is valid.
        """
        scores, truth = _valid_pixels(saliency, mask, valid)
        low, high = scores.min(), scores.max()
        stretched = (scores - low) / (high - low) if high > low else np.zeros_like(scores)
        self.error += np.abs(scores - truth).mean()
        self.error_normalised += np.abs(stretched - truth).mean()
        if self.normalise:
            scores = stretched
        precision, recall = _precision_recall(scores, truth)
        self.precision += precision
        self.recall += recall
        adaptive = scores >= min(1.0, 2 * scores.mean())
        hits = (adaptive & truth).sum()
        self.adaptive_f += float(_f_measure(hits / max(1, adaptive.sum()), hits / max(1, truth.sum())))
        self.num_images += 1

    def merge(self, other: SaliencyScores) -> None:
        """Take in the images another object counted, as if they had been added here.

        Raises:
            ValueError: the other one normalises differently.
        """
        if other.normalise != self.normalise:
            raise ValueError(f"cannot merge normalise={other.normalise} into normalise={self.normalise}")
        for name in ("num_images", "precision", "recall", "adaptive_f", "error", "error_normalised"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """(precision, recall), both (256,) float64 at THRESHOLDS, each the mean over the images.

        Raises:
            ValueError: no image was added.
        """
        if self.num_images == 0:
            raise ValueError("no image was added; call add() for each map that has a mask")
        return self.precision / self.num_images, self.recall / self.num_images

    def summary(self) -> dict[str, float]:
        """max_f and its threshold, adaptive_f, mae, mae_normalised, num_images.

        max_f is the best F of the *mean* curve, not the mean of each image's best (beta^2 = 0.3). adaptive_f
        is the mean F at each image's own threshold min(1, 2 * mean).

        Raises:
            ValueError: no image was added.
        """
        f = _f_measure(*self.curve())
        best = int(f.argmax())
        return {
            "max_f": float(f[best]),
            "max_f_threshold": float(THRESHOLDS[best]),
            "adaptive_f": float(self.adaptive_f / self.num_images),
            "mae": float(self.error / self.num_images),
            "mae_normalised": float(self.error_normalised / self.num_images),
            "num_images": self.num_images,
        }


def _valid_pixels(
    saliency: np.ndarray, mask: np.ndarray, valid: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) float64 scores and (n,) bool truth of the pixels that count."""
    if saliency.ndim != 2 or saliency.shape != mask.shape:
        raise ValueError(f"saliency is {saliency.shape}, mask is {mask.shape}; resize saliency first")
    if mask.dtype != bool:
        raise ValueError(f"mask is {mask.dtype}, expected bool; binarise it, for example with mask >= 128")
    if valid is None:
        valid = np.ones(mask.shape, bool)
    if valid.shape != mask.shape or valid.dtype != bool:
        raise ValueError(f"valid is {valid.shape} {valid.dtype}, expected {mask.shape} bool")
    if not valid.any():
        raise ValueError("no pixel is valid; leave this image out")
    scores = saliency[valid].astype(np.float64)
    if not (scores.min() >= 0 and scores.max() <= 1):  # also refuses nan
        raise ValueError(f"saliency is in [{scores.min()}, {scores.max()}], expected [0, 1]; divide by 255")
    return scores, mask[valid]


def _precision_recall(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(256,) each, exact: pixels are counted by the highest threshold they pass."""
    passed = np.searchsorted(THRESHOLDS, scores, side="right") - 1
    salient = np.bincount(passed, minlength=NUM_THRESHOLDS)[::-1].cumsum()[::-1]
    hits = np.bincount(passed[truth], minlength=NUM_THRESHOLDS)[::-1].cumsum()[::-1]
    return hits / (salient + EPSILON), hits / (truth.sum() + EPSILON)


def _f_measure(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    return (1 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall + EPSILON)
