"""What is counted of one image, in any process, and added up in the images' order.

Figures are then the same to the bit with any number of processes: whole numbers add up in any order, and what is none,
such as a sum of confidences, is added image by image in the same order everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from wsss_core.data.maps import Maps
from wsss_core.data.masks import Masks
from wsss_core.evaluation.confusion import ThresholdSweep
from wsss_core.evaluation.label_scores import ImageCounts
from wsss_core.evaluation.saliency import SaliencyScores
from wsss_core.ops import grids
from wsss_core.runtime.pool import map_in_order
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

Read = Callable[[str], np.ndarray]
"""read(id) -> an (H, W) map of an image."""

Confidence = Callable[[str, np.ndarray], np.ndarray]
"""confidence(id, labels) -> (H, W) float in [0, 1]: what the scores that the labels were made of give to them."""

Counts = TypeVar("Counts")

CHUNK = 64
"""Images that go to a process at once: so few are counted in less time than a process takes to start."""


def counts(
    count: Callable[[str], Counts], ids: Sequence[str], *, name: str, workers: int
) -> Iterable[tuple[str, Counts]]:
    """(id, count(id)) of each image, in order, under a progress bar.

    Args:
        count: must pickle when workers > 1.
        ids: of the images.
        name: of what is evaluated.
        workers: processes; 0 or 1 works in this one, and so do the images of a single chunk.
    """
    found = map_in_order(count, ids, workers=workers, chunk=CHUNK)
    return tqdm(zip(ids, found, strict=True), desc=f"evaluate {name}", total=len(ids), unit="image")


def of_labels(
    image_id: str, *, read: Read, truth: Masks, num_classes: int, confidence: Confidence | None = None
) -> ImageCounts:
    """A label map against the true mask."""
    labels = read(image_id)
    sure = None if confidence is None else confidence(image_id, labels)
    return ImageCounts.of(labels, truth.read(image_id), num_classes=num_classes, confidence=sure)


def of_thresholds(
    image_id: str, *, cams: Maps, truth: Masks, sweep: ThresholdSweep
) -> tuple[np.ndarray, np.ndarray]:
    """Class activation maps at every threshold, as `ThresholdSweep.placed` counts them."""
    scores = cams.scores(image_id)
    return sweep.placed(grids.read(scores.scores, scores.size), scores.classes, truth.read(image_id))


def of_saliency(image_id: str, *, read: Read, truth: Masks) -> SaliencyScores:
    """A saliency map against the union of all classes; void pixels are left out, and so is a mask that is all void."""
    scores, labels = SaliencyScores(normalise=False), truth.read(image_id)
    known = labels != IGNORE_INDEX
    if known.any():
        scores.add(read(image_id), (labels != BACKGROUND) & known, valid=known)
    return scores
