"""How probable the label of each pixel is, by the scores from which a label map was made."""

from __future__ import annotations

import numpy as np

from wsss_core.artifacts import Scores
from wsss_core.ops import grids
from wsss_core.ops.refinement import summing_to_one
from wsss_core.voc import IGNORE_INDEX


def of_labels(labels: np.ndarray, scores: Scores) -> np.ndarray:
    """(H, W) float32 in [0, 1]: the probability of each pixel's label, that of the likeliest class where it is ignored.

    Where the map says what its scores say, this is the largest probability; a pixel that a CRF turned against them
    counts as uncertain, however sure they were.

    Args:
        labels: (H, W) uint8.
        scores: background first; divided by their sum at each pixel.
    """
    probabilities = summing_to_one(grids.read(scores.scores, scores.size))  # (K, H, W)
    channel = np.full(256, len(probabilities))
    channel[scores.classes] = np.arange(len(probabilities))
    channel[IGNORE_INDEX] = len(probabilities) + 1
    choices = np.concatenate([probabilities, np.zeros_like(probabilities[:1]), probabilities.max(axis=0)[None]])
    return np.take_along_axis(choices, channel[labels][None], axis=0)[0].astype(np.float32)


def of_agreement(labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(H, W) float32: 1 where another label map says the same, 0 where it does not."""
    return (labels == others).astype(np.float32)
