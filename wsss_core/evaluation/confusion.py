"""Scores of label maps against masks: one confusion matrix over a whole set, and a one-pass threshold sweep."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wsss_core.voc import BACKGROUND, IGNORE_INDEX


class Confusion:
    """Counts (true class, predicted class) over a set of images.

    `matrix` is (C+1, C+2) int64: the last column counts predicted IGNORE_INDEX. True IGNORE_INDEX is dropped.

    >>> counted = Confusion(num_classes=1)
    >>> counted.add(prediction=np.array([[0, 0, 1, 255]]), truth=np.array([[0, 0, 1, 1]]))
    >>> counted.iou(), round(counted.miou(), 3)  # 255 counts as background
    (array([0.66666667, 0.5       ]), 0.583)
    >>> counted.coverage(), counted.miou_labelled()
    (0.75, 1.0)
    """

    def __init__(self, num_classes: int) -> None:
        self.num_labels = num_classes + 1
        self.matrix = np.zeros((self.num_labels, self.num_labels + 1), dtype=np.int64)

    def add(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Count one image; both (H, W) uint8 with labels 0..C or IGNORE_INDEX."""
        if prediction.shape != truth.shape:
            raise ValueError(f"the prediction is {prediction.shape}, the mask {truth.shape}")
        known = truth != IGNORE_INDEX
        predicted = np.where(prediction[known] == IGNORE_INDEX, self.num_labels, prediction[known]).astype(np.int64)
        flat = truth[known].astype(np.int64) * (self.num_labels + 1) + predicted
        self.matrix += np.bincount(flat, minlength=self.matrix.size).reshape(self.matrix.shape)

    @property
    def filled(self) -> np.ndarray:
        """(C+1, C+1) counts in which a predicted IGNORE_INDEX stands for background."""
        counts = self.matrix[:, :-1].copy()
        counts[:, BACKGROUND] += self.matrix[:, -1]
        return counts

    def by_label(self) -> np.ndarray:
        """(3, C+1) pixels of each label that are rightly predicted, true, predicted, with `filled`."""
        counts = self.filled
        return np.stack([np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)])

    def iou(self) -> np.ndarray:
        """(C+1,) IoU of each label; NaN for a label that is neither true nor predicted anywhere."""
        return iou(self.filled)

    def miou(self) -> float:
        """Mean IoU over the labels that occur, in [0, 1]; predicted IGNORE_INDEX counts as background."""
        return mean_over_labels(self.iou())

    def miou_labelled(self) -> float:
        """Mean IoU on the pixels that the prediction labels."""
        return mean_over_labels(iou(self.matrix[:, :-1]))

    def accuracy_labelled(self) -> float:
        """Share of the known pixels that the prediction labels whose label is the true one; NaN without any."""
        labelled = self.matrix[:, :-1]
        return float(np.trace(labelled) / labelled.sum()) if labelled.any() else float("nan")

    def coverage(self) -> float:
        """Share of the known pixels whose prediction is not IGNORE_INDEX."""
        total = self.matrix.sum()
        return float(1 - self.matrix[:, -1].sum() / total) if total else float("nan")


def iou(counts: np.ndarray) -> np.ndarray:
    """TP / (T + P - TP) of each label of a square (L, L) confusion matrix; NaN where T + P = 0."""
    correct = np.diag(counts).astype(float)
    union = counts.sum(axis=0) + counts.sum(axis=1) - correct
    with np.errstate(invalid="ignore", divide="ignore"):
        return correct / union


def mean_over_labels(values: np.ndarray) -> float:
    """The mean of the figures of labels that occur; NaN where none does."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


@dataclass
class ThresholdSweep:
    """mIoU of class score maps for every constant background score, from one histogram.

    Only each pixel's strongest class and its score matter: one histogram of scores for each (true label,
    strongest class); sums from the right give every threshold's confusion matrix.
    """

    num_classes: int
    num_bins: int
    histogram: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        labels = self.num_classes + 1
        self.histogram = np.zeros((labels, labels, self.num_bins), dtype=np.int64)

    def add(self, scores: np.ndarray, classes: np.ndarray, truth: np.ndarray) -> None:
        """Count one image: scores (K, H, W) in [0, 1], classes (K,) ids, truth (H, W) with IGNORE_INDEX dropped."""
        self.take(*self.placed(scores, classes, truth))

    def placed(self, scores: np.ndarray, classes: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What `add` would count, for `take`: places (n,) in the flat histogram and counts (n,), both int64."""
        known = truth != IGNORE_INDEX
        if len(classes):
            strongest = np.asarray(classes)[scores.argmax(axis=0)][known].astype(np.int64)
            score = scores.max(axis=0)[known]
        else:
            strongest, score = np.zeros(known.sum(), dtype=np.int64), np.zeros(known.sum(), dtype=np.float32)
        strongest = np.where(score > 0, strongest, BACKGROUND)  # no threshold lies below a score of 0
        # A score on a threshold is background (argmax takes the first of equals): bin j holds (j/n, (j+1)/n].
        bins = np.clip(np.ceil(score * self.num_bins) - 1, 0, self.num_bins - 1).astype(np.int64)
        flat = (truth[known].astype(np.int64) * (self.num_classes + 1) + strongest) * self.num_bins + bins
        counts = np.bincount(flat, minlength=1)
        places = np.flatnonzero(counts)
        return places, counts[places]

    def take(self, places: np.ndarray, counts: np.ndarray) -> None:
        """Take in what `placed` counted, here or in another process."""
        self.histogram.reshape(-1)[places] += counts

    def confusion(self, index: int) -> Confusion:
        """The counts at threshold index / num_bins."""
        result = Confusion(self.num_classes)
        result.matrix[:, :-1] = self.histogram[..., index:].sum(axis=-1)
        result.matrix[:, BACKGROUND] += self.histogram[..., :index].sum(axis=(1, 2))
        return result

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Thresholds (num_bins,) and the mIoU (num_bins,) at each."""
        values = np.array([self.confusion(index).miou() for index in range(self.num_bins)])
        return np.arange(self.num_bins) / self.num_bins, values
