"""Weight-free saliency detectors behind one call: `detect(image, method="rbd")`."""

from collections.abc import Callable

import numpy as np

from wsss_core.ops.saliency.manifold_ranking import manifold_ranking
from wsss_core.ops.saliency.mbd import minimum_barrier_plus
from wsss_core.ops.saliency.rbd import robust_background

PATENT_NOTES = {
    "mr": "a public port of manifold ranking (Yang et al., CVPR 2013) says that OMRON holds a patent on it",
    "mbd_plus": "a public port of MB+ (Zhang et al., ICCV 2015) says that a patent on it is pending",
    "mean": "averages rbd and mbd_plus; a public port of MB+ (Zhang et al., ICCV 2015) says that a patent "
    "on it is pending",
}
"""Methods that need `acknowledge_patents: true` in the parameters, and why."""


def mean_of_rbd_and_mbd_plus(image: np.ndarray) -> np.ndarray:
    """The mean of both maps, (H, W) float32 in [0, 1]; image (H, W, 3) uint8 RGB."""
    return (robust_background(image) + minimum_barrier_plus(image)) / 2


METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rbd": robust_background,
    "mr": manifold_ranking,
    "mbd_plus": minimum_barrier_plus,
    "mean": mean_of_rbd_and_mbd_plus,
}


def detect(image: np.ndarray, *, method: str) -> np.ndarray:
    """How salient each pixel is, by one of the detectors that need no trained weights.

    Args:
        image: (H, W, 3) uint8 RGB.
        method: a key of METHODS. Those in PATENT_NOTES are for users who accepted the note.

    Returns:
        (H, W) float32 in [0, 1]; all zero where nothing stands out (one colour, or too few pixels).

    Raises:
        ValueError: the method is unknown, or the image is not (H, W, 3) uint8.
    """
    if method not in METHODS:
        raise ValueError(f"saliency method {method!r} is unknown; take one of {', '.join(METHODS)}")
    return METHODS[method](image)
