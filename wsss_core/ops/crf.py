"""Fully connected CRF with Gaussian edge potentials, by mean field: one function, two engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

SMALLEST_PROBABILITY = 1e-5
"""Bounds what one pixel's evidence can say against a label."""

Engine = Literal["lattice", "pydensecrf"]


def available_engines() -> tuple[Engine, ...]:
    """The engines that this installation has; pydensecrf2 builds up to Python 3.12 and with a C++ compiler."""
    return ("lattice", "pydensecrf") if find_spec("pydensecrf") else ("lattice",)


def dense_crf(
    images: Sequence[np.ndarray],
    probabilities: Sequence[np.ndarray],
    *,
    engine: Engine,
    iterations: int,
    device: Any = "cpu",
    **kernels: float,
) -> list[np.ndarray]:
    """The marginals Q of dense CRFs whose unaries are -log of the probabilities.

    Args:
        images: (H, W, 3) uint8 RGB each; their sizes may differ.
        probabilities: (..., L, H, W) float >= 0 each, clipped to [1e-5, 1]; labels need not sum to 1 (the mean field
            normalises: only ratios matter). Leading axes hold further unaries of the same image, which share its
            kernels; L may differ between images.
        engine: `lattice`, ours: batched, on any device; `pydensecrf`: the C++ of the field, one run after the other.
            Equal but for rounding: mean |dQ| is 2e-7 in the median of 170 photographs, 4e-4 at most, where float32
            puts near-black pixels into another simplex (against float64 it is pydensecrf that deviates).
        iterations: mean-field updates; 0 returns the normalised probabilities.
        device: where the lattice engine computes.
        kernels: all fields of `mean_field.Kernels`.

    Returns:
        float32 of the probabilities' shapes, summing to 1 over L at each pixel.

    Raises:
        ValueError: an image and its probabilities differ in height or width, the numbers of unaries differ, or the
            engine is not installed.

    E(x) = sum_i -ln p_i(x_i) + sum_{i<j} [x_i != x_j] k_ij, Kraehenbuehl & Koltun, NIPS 2011, eqs. 1-3; k_ij is the sum
    of two Gaussians (`mean_field.Kernels`), symmetrically normalised as in pydensecrf.

    >>> image = np.array([[[0] * 3, [0] * 3, [255] * 3, [255] * 3]], dtype=np.uint8)  # black, black, white, white
    >>> unsure = np.array([[[0.9, 0.5, 0.5, 0.1]], [[0.1, 0.5, 0.5, 0.9]]])  # of two labels; the middle may be either
    >>> kernels = {"gaussian_sxy": 3, "gaussian_weight": 0, "bilateral_sxy": 80, "bilateral_srgb": 13}
    >>> (q,) = dense_crf([image], [unsure], engine="lattice", iterations=5, bilateral_weight=4, **kernels)
    >>> q.argmax(axis=0)
    array([[0, 0, 1, 1]])
    """
    for image, maps in zip(images, probabilities, strict=True):
        height, width = maps.shape[-2:]
        if image.shape != (height, width, 3):
            raise ValueError(f"probabilities are {height}x{width}, the image is {image.shape}; resize them first")
    if engine not in available_engines():
        raise ValueError(f"engine {engine} is not installed (pip install pydensecrf2); take engine lattice, its equal")
    unaries = [_unary(maps) for maps in probabilities]
    if len({len(energies) for energies in unaries}) > 1:
        raise ValueError(f"images have {[len(energies) for energies in unaries]} unaries each; give all as many")
    if engine == "pydensecrf":
        marginals = [
            np.stack([_pydensecrf(image, unary, iterations=iterations, **kernels) for unary in of_image])
            for image, of_image in zip(images, unaries, strict=True)
        ]
    else:
        marginals = _lattice(images, unaries, kernels, iterations=iterations, device=device)
    return [q.reshape(maps.shape) for q, maps in zip(marginals, probabilities, strict=True)]


def _unary(probabilities: np.ndarray) -> np.ndarray:
    """(U, L, H, W) float32 energies of (..., L, H, W) probabilities."""
    energies = -np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1, dtype=np.float32))
    return np.ascontiguousarray(energies.reshape(-1, *probabilities.shape[-3:]))


def _lattice(
    images: Sequence[np.ndarray],
    unaries: Sequence[np.ndarray],
    kernels: Mapping[str, float],
    *,
    iterations: int,
    device: Any,
) -> list[np.ndarray]:
    # Here, so that a stage that takes the other engine starts without torch.
    import torch

    from wsss_core.ops.mean_field import Kernels, mean_field

    with torch.inference_mode():
        marginals = mean_field(
            [torch.from_numpy(np.ascontiguousarray(image)).to(device) for image in images],
            [torch.from_numpy(energies).to(device) for energies in unaries],
            Kernels(**kernels),
            iterations=iterations,
        )
        return [q.cpu().numpy() for q in marginals]


def _pydensecrf(
    image: np.ndarray,
    unary: np.ndarray,
    *,
    iterations: int,
    gaussian_sxy: float,
    gaussian_weight: float,
    bilateral_sxy: float,
    bilateral_srgb: float,
    bilateral_weight: float,
) -> np.ndarray:
    """(L, H, W) float32 marginals of one image and one unary."""
    import pydensecrf.densecrf as densecrf  # an extension that whoever takes the lattice need not have built

    num_labels, height, width = unary.shape
    if num_labels == 1:  # which it refuses
        return np.ones((1, height, width), dtype=np.float32)
    field = densecrf.DenseCRF2D(width, height, num_labels)
    field.setUnaryEnergy(unary.reshape(num_labels, -1))
    field.addPairwiseGaussian(sxy=gaussian_sxy, compat=gaussian_weight)
    field.addPairwiseBilateral(
        sxy=bilateral_sxy, srgb=bilateral_srgb, rgbim=np.ascontiguousarray(image), compat=bilateral_weight
    )
    marginals = np.array(field.inference(iterations), dtype=np.float32)
    return marginals.reshape(num_labels, height, width)
