"""Robust background detection: saliency from how strongly each region clings to the image's border."""

from functools import partial

import numpy as np
from scipy.linalg import solve
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from skimage.filters import threshold_otsu

from wsss_core.ops.saliency.canvas import detect_on_canvas
from wsss_core.ops.saliency.superpixels import Superpixels, min_max, pairwise_distance, segment

FLAT = 1e-6  # Lab units; contrasts that span less are rounding
ZERO_EDGE = 1e-9  # sparse graphs read 0 as "no edge"; this is a free step
LEAST_SIGMA = 1e-3  # Lab units; a flat image would make the neighbour scale zero
SURE_BACKGROUND = 3.0  # boundary connectivity above which a region is background for certain
SURE_WEIGHT = 1000.0


def robust_background(
    image: np.ndarray,
    *,
    long_side: int = 500,
    compactness: float = 20.0,
    border: int = 8,
    contrast_sigma: float = 0.4,
    background_weight: float = 5.0,
    smoothness: float = 0.1,
    least_peak: float = 0.2,
) -> np.ndarray:
    """Salient is what contrasts with regions well connected to the border, smoothed over superpixels.

    Args:
        image: (H, W, 3) uint8 RGB.
        long_side: pixels, size of the copy that is worked on.
        compactness: SLIC's weight of position against colour.
        border: pixels, width of the band whose superpixels are "boundary" (at the published 600 px per
            superpixel; it shrinks with smaller ones).
        contrast_sigma: reach of the contrast, in image sides (authors' code 0.4; paper 0.25).
        background_weight: weight of the background term (authors' code 5; paper 1).
        smoothness: constant added to the weight of touching superpixels; erases small noise.
        least_peak: maps that peak higher are stretched to [0, 1]; DEVIATION: fainter ones are left as they
            are, for stretching them would present noise as certainty.

    Returns:
        (H, W) float32 in [0, 1]; all zero for images of one colour and of fewer than two superpixels.

    Raises:
        ValueError: the image is not (H, W, 3) uint8.

    Zhu, Liang, Wei and Sun, CVPR 2014, with the constants of the authors' code. DEVIATION: the region's
    colour is the mean of its pixels' Lab, not the Lab of their mean RGB.
    """
    detector = partial(
        _on_content, compactness=compactness, border=border, contrast_sigma=contrast_sigma,
        background_weight=background_weight, smoothness=smoothness, least_peak=least_peak,
    )  # fmt: skip
    return detect_on_canvas(image, detector, long_side=long_side)


def _on_content(
    image: np.ndarray,
    *,
    compactness: float,
    border: int,
    contrast_sigma: float,
    background_weight: float,
    smoothness: float,
    least_peak: float,
) -> np.ndarray:
    regions = segment(image, target=None, compactness=compactness)
    if regions is None:
        return np.zeros(image.shape[:2], np.float32)
    boundary = regions.on_border(max(1, round(border * regions.side)))
    distance = regions.colour_distance
    clip, geodesic_sigma, neighbour_sigma = adaptive_scales(regions, distance)
    connectivity = boundary_connectivity(
        regions, boundary, distance, clip=clip, geodesic_sigma=geodesic_sigma
    )
    background = background_probability(connectivity)
    contrast = background_weighted_contrast(regions, distance, background, sigma=contrast_sigma)
    if not contrast.any():
        return np.zeros(image.shape[:2], np.float32)
    certain = np.where(connectivity > SURE_BACKGROUND, SURE_WEIGHT, background)
    linked = regions.two_ring | np.outer(boundary, boundary)
    weights = _gaussian(distance, neighbour_sigma) * linked + smoothness * regions.adjacent
    saliency = optimise(background_weight * certain, contrast, weights)
    return regions.paint(min_max(saliency, flat=0) if saliency.max() > least_peak else saliency)


def adaptive_scales(regions: Superpixels, distance: np.ndarray) -> tuple[float, float, float]:
    """(clip, geodesic sigma, neighbour sigma) in Lab units, fitted to the image's contrast.

    clip is the mean distance to the most similar superpixel within two rings: steps below it are free.
    """
    nearest = np.where(regions.adjacent, distance, np.inf).min(axis=1).mean()
    clip = np.where(regions.two_ring, distance, np.inf).min(axis=1).mean()
    steps = np.sort(distance[np.triu(regions.adjacent)])
    top = steps[-max(1, len(steps) // 100) :].mean()
    geodesic_sigma = max(5.0, min(10.0, 3 * nearest, top / 10))
    neighbour_sigma = max(LEAST_SIGMA, min(3 * nearest, 0.2 * top, 20.0))
    return clip, geodesic_sigma, neighbour_sigma


def boundary_connectivity(
    regions: Superpixels,
    boundary: np.ndarray,
    distance: np.ndarray,
    *,
    clip: float,
    geodesic_sigma: float,
) -> np.ndarray:
    """(n,) float: the length along the border that a region reaches, over the root of the area it reaches.

    Eqs. 3-5: geodesic paths over touching superpixels, all boundary superpixels being linked.
    """
    linked = regions.adjacent | np.outer(boundary, boundary)
    np.fill_diagonal(linked, False)
    steps = np.where(linked, np.maximum(0, distance - clip) + ZERO_EDGE, 0)
    reached = _gaussian(dijkstra(csr_matrix(steps), directed=False), geodesic_sigma)  # (n, n), 1 on diagonal
    return reached[:, boundary].sum(axis=1) / np.sqrt(reached.sum(axis=1))


def background_probability(connectivity: np.ndarray) -> np.ndarray:
    """1 - exp(-BndCon^2 / 2), in [0, 1): how surely a region of that boundary connectivity is background (eq. 8)."""
    return 1 - np.exp(-(connectivity**2) / 2)


def background_weighted_contrast(
    regions: Superpixels, distance: np.ndarray, background: np.ndarray, *, sigma: float
) -> np.ndarray:
    """(n,) float in [0, 1]: colour contrast to near background (eq. 7), zero below Otsu's threshold."""
    near = _gaussian(pairwise_distance(regions.centroid), sigma)
    contrast = min_max((distance * near) @ background, flat=FLAT)
    if not contrast.any():
        return contrast
    return np.where(contrast < threshold_otsu(contrast), 0, contrast)


def optimise(background: np.ndarray, foreground: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n,) saliency s that minimises sum b s^2 + sum f (s - 1)^2 + sum_{p<q} w (s_p - s_q)^2 (eq. 9).

    Args:
        background, foreground: (n,) >= 0, not all zero.
        weights: (n, n) >= 0, symmetric, connecting all.

    The system is a diagonally dominant M-matrix, hence 0 <= s <= 1; the clip only takes rounding off.
    """
    system = np.diag(weights.sum(axis=1) + background + foreground) - weights
    return np.clip(solve(system, foreground, assume_a="pos"), 0, 1)


def _gaussian(distance: np.ndarray, sigma: float) -> np.ndarray:
    """exp(-d^2 / 2 sigma^2), cut to 0 beyond 3 sigma."""
    return np.where(distance > 3 * sigma, 0, np.exp(-(distance**2) / (2 * sigma**2)))


detect = robust_background
