"""Boundary IoU of label maps: IoU of the pixels near the contours alone, where segmentations of large objects differ.

Cheng et al., CVPR 2021: with G the true mask of an object, P the predicted one, and G_d, P_d the pixels within d of
their contours, |(G_d & G) & (P_d & P)| / |(G_d & G) | (P_d & P)|; d is 2 % of the image's diagonal. As in the released
code, d is rounded and at least 1, distance is the larger of rows and columns (an erosion by d squares of 3 x 3), and
the image's edge is a contour. DEVIATION, since theirs is of one object and ours of classes over a set: each label's
pixels of an image are one mask, and counts are summed over the images before they are divided, as in our IoU. It is not
cut to the smaller of both IoUs, as their AP is: the IoU stands beside it.
"""

from __future__ import annotations

import math

import numpy as np

from wsss_core.voc import BACKGROUND, IGNORE_INDEX

RATIO = 0.02
"""Of d to the image's diagonal."""


def thickness(height: int, width: int) -> int:
    """d in pixels: how far inside its contour a pixel still belongs to the boundary."""
    return max(1, round(RATIO * math.hypot(height, width)))


def near_contours(labels: np.ndarray, distance: int) -> np.ndarray:
    """(H, W) bool: whether another label, or the image's edge, lies within `distance` (at least 1) rows and columns.

    For all labels of an (H, W) map at once: an eroded mask is where the whole window of 2 * distance + 1 has its label.
    """
    height, width = labels.shape
    near = np.ones((height, width), dtype=bool)
    if min(height, width) <= 2 * distance:
        return near
    rows = labels[1:] != labels[:-1]                                            # (H-1, W)
    columns = labels[:, 1:] != labels[:, :-1]                                   # (H, W-1)
    mixed = rows[:, 1:] | rows[:, :-1] | columns[1:] | columns[:-1]             # (H-1, W-1): of squares of 2 x 2
    sums = np.zeros((height, width), dtype=np.int32)
    np.cumsum(np.cumsum(mixed, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    side = 2 * distance
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    near[distance : height - distance, distance : width - distance] = inside > 0
    return near


class BoundaryCounts:
    """Pixels of boundaries over a set of images, by label: true ones, predicted ones and those that are both."""

    def __init__(self, num_classes: int) -> None:
        self.num_labels = num_classes + 1
        self.true, self.predicted, self.both = np.zeros((3, self.num_labels), dtype=np.int64)

    def add(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Count one image; both (H, W) uint8 with labels 0..C or IGNORE_INDEX.

        As in the mIoU a predicted IGNORE_INDEX is background, and true IGNORE_INDEX is dropped: it is void in both
        maps before the contours are looked for, so that what was predicted there has no influence.
        """
        if prediction.shape != truth.shape:
            raise ValueError(f"the prediction is {prediction.shape}, the mask {truth.shape}")
        void = truth == IGNORE_INDEX
        filled = np.where(prediction == IGNORE_INDEX, BACKGROUND, prediction)
        filled[void] = IGNORE_INDEX
        distance = thickness(*truth.shape)
        true, predicted = (near_contours(labels, distance) & ~void for labels in (truth, filled))
        both = true & predicted & (truth == filled)
        for counts, labels in ((self.true, truth[true]), (self.predicted, filled[predicted]), (self.both, truth[both])):
            counts += np.bincount(labels, minlength=self.num_labels)

    def merge(self, other: BoundaryCounts) -> None:
        """Take in the images that another object counted."""
        self.true += other.true
        self.predicted += other.predicted
        self.both += other.both

    def iou(self) -> np.ndarray:
        """(C+1,) boundary IoU of each label; NaN for one without a pixel on any boundary."""
        with np.errstate(invalid="ignore"):
            return self.both / (self.true + self.predicted - self.both)
