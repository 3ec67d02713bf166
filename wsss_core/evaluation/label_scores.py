"""All figures of one artifact's label maps against the true masks, counted in one pass over the images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from wsss_core.evaluation.bootstrap import miou_interval
from wsss_core.evaluation.boundary import BoundaryCounts
from wsss_core.evaluation.calibration import Calibration
from wsss_core.evaluation.confusion import Confusion, mean_over_labels

CLASS_COLUMNS = ("class", "iou", "boundary_iou", "precision", "recall", "true_pixels", "predicted_pixels")


@dataclass(frozen=True)
class ImageCounts:
    """What one image's label map and true mask have in common.

    Attributes:
        confusion: of all its pixels.
        boundary: of those near contours.
        calibration: of how sure the scores behind the labels were; None where there are none.
    """

    confusion: Confusion
    boundary: BoundaryCounts
    calibration: Calibration | None

    @classmethod
    def of(
        cls, prediction: np.ndarray, truth: np.ndarray, *, num_classes: int, confidence: np.ndarray | None = None
    ) -> ImageCounts:
        """Count an image; maps are (H, W) uint8 with labels 0..C or IGNORE_INDEX, confidence (H, W) float in [0, 1]."""
        counts = cls(Confusion(num_classes), BoundaryCounts(num_classes), None if confidence is None else Calibration())
        counts.confusion.add(prediction, truth)
        counts.boundary.add(prediction, truth)
        if counts.calibration is not None and confidence is not None:
            counts.calibration.add(prediction, confidence, truth)
        return counts


class LabelScores:
    """Counts from which the figures follow.

    Attributes:
        groups: name -> counts of a group of images; `all` holds each.
        boundary: counts near contours, of all images.
        calibration: where the labels have scores behind them.
    """

    def __init__(self, num_classes: int, groups: Iterable[str]) -> None:
        self.groups = {group: Confusion(num_classes) for group in groups}
        self.boundary = BoundaryCounts(num_classes)
        self.calibration: Calibration | None = None
        self._of_images: list[np.ndarray] = []

    def add(self, one: ImageCounts, *, groups: Sequence[str]) -> None:
        """Take an image in, for its groups."""
        for group in groups:
            self.groups[group].matrix += one.confusion.matrix
        self.boundary.merge(one.boundary)
        self._of_images.append(one.confusion.by_label().astype(np.int32))
        if one.calibration is not None:
            self.calibration = self.calibration or Calibration()
            self.calibration.merge(one.calibration)

    def figures(self) -> dict[str, float]:
        """Name -> figure in [0, 1], NaN where undefined; `low` and `high` bound 95 % of bootstrapped sets of images."""
        confusion = self.groups["all"]
        low, high = miou_interval(np.stack(self._of_images))
        error = {"ece": self.calibration.error()} if self.calibration else {}
        return {
            "miou": confusion.miou(),
            "miou_low": low,
            "miou_high": high,
            "boundary_miou": mean_over_labels(self.boundary.iou()),
            "miou_labelled": confusion.miou_labelled(),
            "coverage": confusion.coverage(),
            **{f"miou_{group}": other.miou() for group, other in self.groups.items() if group != "all"},
            **error,
        }

    def of_classes(self, names: Sequence[str]) -> list[tuple]:
        """A row of CLASS_COLUMNS for each label, background first; an undefined figure is an empty text."""
        right, true, predicted = self.groups["all"].by_label()
        with np.errstate(invalid="ignore"):
            shares = np.stack([self.groups["all"].iou(), self.boundary.iou(), right / predicted, right / true], axis=1)
        return [
            (name, *(float(share) if np.isfinite(share) else "" for share in of_class), int(t), int(p))
            for name, of_class, t, p in zip(names, shares, true, predicted, strict=True)
        ]
