"""All thresholds of the CAM from one histogram against a confusion matrix for each."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.measure import Floor, Row, compare
from benchmarks.photographs import HEIGHT, WIDTH, evidence
from wsss_core.evaluation.confusion import Confusion, ThresholdSweep
from wsss_core.voc import CLASSES

NUM_IMAGES, NUM_THRESHOLDS = 4, 100
TAGS = np.array([3, 12, 15], dtype=np.uint8)


def rows(device: torch.device) -> list[Row]:
    """On the CPU, whatever the device: masks are decoded there."""
    scores = [evidence(len(TAGS), HEIGHT, WIDTH, seed=i) for i in range(NUM_IMAGES)]
    truth = [np.concatenate([[0], TAGS])[evidence(4, HEIGHT, WIDTH, seed=9 + i).argmax(axis=0)].astype(np.uint8)
             for i in range(NUM_IMAGES)]  # fmt: skip

    def ours() -> np.ndarray:
        sweep = ThresholdSweep(len(CLASSES), NUM_THRESHOLDS)
        for maps, mask in zip(scores, truth, strict=True):
            sweep.add(maps, TAGS, mask)
        return sweep.curve()[1]

    def one_by_one() -> np.ndarray:
        return np.array([_miou(scores, truth, index / NUM_THRESHOLDS) for index in range(NUM_THRESHOLDS)])

    difference = np.abs(ours() - one_by_one()).max()
    pixels = NUM_IMAGES * HEIGHT * WIDTH
    return [
        compare(
            "threshold_sweep",
            ours,
            one_by_one,
            agreement=f"max|d mIoU| = {difference:.0e}",
            size=f"{NUM_IMAGES} images of {HEIGHT}x{WIDTH}, {len(TAGS)} tags, {NUM_THRESHOLDS} thresholds",
            floor=Floor(gigabytes=pixels * (4 * len(TAGS) + 1) / 1e9),
            device=torch.device("cpu"),
        )
    ]


def _miou(scores: list[np.ndarray], truth: list[np.ndarray], threshold: float) -> float:
    confusion = Confusion(len(CLASSES))
    for maps, mask in zip(scores, truth, strict=True):
        with_background = np.concatenate([np.full((1, *mask.shape), threshold, np.float32), maps])
        confusion.add(np.concatenate([[0], TAGS]).astype(np.uint8)[with_background.argmax(axis=0)], mask)
    return confusion.miou()
