"""Fully connected CRF with Gaussian edge potentials, by mean field."""

from __future__ import annotations

import numpy as np
import pydensecrf.densecrf as densecrf

SMALLEST_PROBABILITY = 1e-5


def dense_crf(
    image: np.ndarray,
    probabilities: np.ndarray,
    *,
    iterations: int,
    gaussian_sxy: float,
    gaussian_weight: float,
    bilateral_sxy: float,
    bilateral_srgb: float,
    bilateral_weight: float,
) -> np.ndarray:
    """The marginals Q of a dense CRF whose unary is -log of the probabilities.

    Args:
        image: (H, W, 3) uint8 RGB.
        probabilities: (L, H, W) float >= 0, clipped to [1e-5, 1]; labels need not sum to 1 (the mean field
            normalises: only ratios matter).
        iterations: mean-field updates; 0 returns the normalised probabilities.
        gaussian_sxy: reach of the smoothness kernel, pixels.
        gaussian_weight: its Potts weight.
        bilateral_sxy: reach of the appearance kernel, pixels.
        bilateral_srgb: its reach in colour, of 255.
        bilateral_weight: its Potts weight.

    Returns:
        (L, H, W) float32, summing to 1 over L at each pixel.

    Raises:
        ValueError: the image and the probabilities differ in height or width.

    Kraehenbuehl & Koltun, NIPS 2011, with symmetrically normalised kernels as in pydensecrf.
    """
    num_labels, height, width = probabilities.shape
    if image.shape != (height, width, 3):
        raise ValueError(f"probabilities are {height}x{width}, the image is {image.shape}; resize them first")
    if num_labels == 1:
        return np.ones((1, height, width), dtype=np.float32)
    unary = -np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1)).reshape(num_labels, -1)
    field = densecrf.DenseCRF2D(width, height, num_labels)
    field.setUnaryEnergy(np.ascontiguousarray(unary, dtype=np.float32))
    field.addPairwiseGaussian(sxy=gaussian_sxy, compat=gaussian_weight)
    field.addPairwiseBilateral(
        sxy=bilateral_sxy, srgb=bilateral_srgb, rgbim=np.ascontiguousarray(image), compat=bilateral_weight
    )
    marginals = np.array(field.inference(iterations), dtype=np.float32)
    return marginals.reshape(num_labels, height, width)
