"""Weight-free saliency detectors behind one call: `detect(image, method="rbd")`."""

import numpy as np

METHODS = ("rbd", "mr", "mbd_plus", "mean")

PATENT_NOTES = {
    "mr": "a public port of manifold ranking (Yang et al., CVPR 2013) says that OMRON holds a patent on it",
    "mbd_plus": "a public port of MB+ (Zhang et al., ICCV 2015) says that a patent on it is pending",
    "mean": "averages rbd and mbd_plus; a public port of MB+ (Zhang et al., ICCV 2015) says that a patent "
    "on it is pending",
}
"""Methods that need `acknowledge_patents: true` in the parameters, and why."""


def detect(image: np.ndarray, *, method: str) -> np.ndarray:
    """How salient each pixel is, by one of the detectors that need no trained weights.

    Args:
        image: (H, W, 3) uint8 RGB.
        method: one of METHODS. Those in PATENT_NOTES are for users who accepted the note.

    Returns:
        (H, W) float32 in [0, 1]; all zero where nothing stands out (one colour, or too few pixels).

    Raises:
        ValueError: the method is unknown, or the image is not (H, W, 3) uint8.
    """
    # Detectors are imported when asked for: SciPy and scikit-image, which they need, are nothing for networks' maps.
    if method == "mr":
        from wsss_core.ops.saliency.manifold_ranking import manifold_ranking

        return manifold_ranking(image)
    if method == "mbd_plus":
        from wsss_core.ops.saliency.mbd import minimum_barrier_plus

        return minimum_barrier_plus(image)
    if method == "rbd":
        from wsss_core.ops.saliency.rbd import robust_background

        return robust_background(image)
    if method == "mean":
        return (detect(image, method="rbd") + detect(image, method="mbd_plus")) / 2
    raise ValueError(f"saliency method {method!r} is unknown; take one of {', '.join(METHODS)}")
