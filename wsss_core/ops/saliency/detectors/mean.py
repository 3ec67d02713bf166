"""The mean of two detectors."""

import numpy as np

from wsss_core.ops.saliency.detectors import mbd_plus, rbd

PATENT_NOTE = f"averages rbd and mbd_plus; {mbd_plus.PATENT_NOTE}"


def detect(image: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1] of an (H, W, 3) uint8 RGB image: robust background and MB+, averaged."""
    return (rbd.detect(image) + mbd_plus.detect(image)) / 2
