"""Weight-free saliency detectors behind one call: `detect(image, method="rbd")`."""

import numpy as np

from wsss_core import registry


def detect(image: np.ndarray, *, method: str) -> np.ndarray:
    """How salient each pixel is, by one of the detectors that need no trained weights.

    Args:
        image: (H, W, 3) uint8 RGB.
        method: one of `registry.detectors()`. Those with a patent note are for users who accepted it.

    Returns:
        (H, W) float32 in [0, 1]; all zero where nothing stands out (one colour, or too few pixels).

    Raises:
        ValueError: the method is unknown, or the image is not (H, W, 3) uint8.

    >>> image = np.full((60, 60, 3), 40, dtype=np.uint8)  # dark
    >>> image[20:40, 20:40] = 200  # and a bright square
    >>> saliency = detect(image, method="rbd")
    >>> round(float(saliency[30, 30]), 3), round(float(saliency[5, 5]), 3)
    (1.0, 0.0)
    """
    return registry.detector(method).detect(image)


def patent_note(method: str) -> str | None:
    """Why a detector needs `acknowledge_patents: true` in the parameters; None where it does not."""
    return getattr(registry.detector(method), "PATENT_NOTE", None)
