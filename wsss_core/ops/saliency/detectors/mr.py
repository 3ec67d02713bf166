"""Graph-based manifold ranking: saliency as the relevance to, and the distance from, border queries."""

from functools import partial

import numpy as np
from scipy.linalg import inv

from wsss_core.ops.saliency.canvas import detect_on_canvas
from wsss_core.ops.saliency.superpixels import Superpixels, min_max, segment

FLAT = 1.0  # Lab units, half of what the eye can tell apart; colours that differ less are one colour


def manifold_ranking(
    image: np.ndarray,
    *,
    long_side: int = 500,
    num_superpixels: int = 200,
    compactness: float = 20.0,
    colour_sharpness: float = 10.0,
    alpha: float = 0.99,
) -> np.ndarray:
    """Rank superpixels against each side of the image, then against what that found salient.

    See PATENT_NOTE. An object that touches a side suppresses itself in that side's factor.

    Args:
        image: (H, W, 3) uint8 RGB.
        long_side: pixels, size of the copy that is worked on.
        num_superpixels: regions asked for.
        compactness: SLIC's weight of position against colour.
        colour_sharpness: 1 / sigma^2 of the edge weights, on colour distances stretched to [0, 1].
        alpha: weight of the manifold's smoothness against the queries, in (0, 1).

    Returns:
        (H, W) float32 in [0, 1]; all zero for images of one colour and of fewer than two superpixels.

    Raises:
        ValueError: the image is not (H, W, 3) uint8.

    Yang, Zhang, Lu, Ruan and Yang, CVPR 2013.
    """
    detector = partial(
        _on_content, num_superpixels=num_superpixels, compactness=compactness,
        colour_sharpness=colour_sharpness, alpha=alpha,
    )  # fmt: skip
    return detect_on_canvas(image, detector, long_side=long_side)


def _on_content(
    image: np.ndarray, *, num_superpixels: int, compactness: float, colour_sharpness: float, alpha: float
) -> np.ndarray:
    regions = segment(image, target=num_superpixels, compactness=compactness)
    if regions is None:
        return np.zeros(image.shape[:2], np.float32)
    sides = [regions.touching(side) for side in (np.s_[:1, :], np.s_[-1:, :], np.s_[:, :1], np.s_[:, -1:])]
    ranking = ranking_matrix(
        regions, np.logical_or.reduce(sides), colour_sharpness=colour_sharpness, alpha=alpha
    )
    if not ranking.any():
        return np.zeros(image.shape[:2], np.float32)
    unlike_sides = np.prod([1 - min_max(ranking @ side, flat=0) for side in sides], axis=0)
    queries = unlike_sides >= unlike_sides.mean()
    return regions.paint(min_max(ranking @ queries, flat=0))


def ranking_matrix(
    regions: Superpixels, boundary: np.ndarray, *, colour_sharpness: float, alpha: float
) -> np.ndarray:
    """(n, n) float: entry p, q is the relevance of region p to the query q (eq. 3).

    The inverse of D - alpha W with a zero diagonal, so that no query votes for itself. The graph links
    regions within two rings and, as a closed loop, all those of the boundary. All zero where the colours
    do not differ: the ranks would picture the graph, not the image.
    """
    linked = regions.two_ring | np.outer(boundary, boundary)
    np.fill_diagonal(linked, False)
    distance = regions.colour_distance
    if distance.max() <= FLAT:
        return np.zeros_like(distance)
    contrast = np.zeros_like(distance)
    contrast[linked] = min_max(distance[linked], flat=0)
    weights = np.exp(-colour_sharpness * contrast) * linked
    ranking = inv(np.diag(weights.sum(axis=1)) - alpha * weights)
    np.fill_diagonal(ranking, 0)
    return ranking


PATENT_NOTE = "a public port of manifold ranking (Yang et al., CVPR 2013) says that OMRON holds a patent on it"
detect = manifold_ranking
